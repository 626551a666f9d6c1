# SPDX-License-Identifier: Apache-2.0

def config = { type: "noop", name: "Noop" }

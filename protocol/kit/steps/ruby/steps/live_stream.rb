# SPDX-License-Identifier: Apache-2.0

def config = { name: "live", schema: { type: "object" } }

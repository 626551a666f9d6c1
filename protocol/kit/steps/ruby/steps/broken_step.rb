# SPDX-License-Identifier: Apache-2.0

raise "broken on purpose"

# SPDX-License-Identifier: Apache-2.0

def handler(input, _context) = input

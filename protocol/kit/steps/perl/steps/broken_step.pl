# SPDX-License-Identifier: Apache-2.0

die "broken on purpose\n";

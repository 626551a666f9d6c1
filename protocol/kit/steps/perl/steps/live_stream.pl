# SPDX-License-Identifier: Apache-2.0

+{ config => { name => "live", schema => { type => "object" } } };

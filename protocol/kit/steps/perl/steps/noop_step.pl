# SPDX-License-Identifier: Apache-2.0

+{ config => { type => "noop", name => "Noop" } };

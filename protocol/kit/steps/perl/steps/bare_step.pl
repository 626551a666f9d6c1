# SPDX-License-Identifier: Apache-2.0

+{ handler => sub { $_[0] } };

# SPDX-License-Identifier: Apache-2.0

+{
    config => { type => 'cron', name => 'Cron', cron => '0 9 * * *' },
    handler => sub {
        my ($context) = @_;
        my %seen = (trace_id => $context->trace_id, attempt => $context->attempt, flows => $context->flows);
        $context->state->set('cron', 'seen', \%seen);
    },
};

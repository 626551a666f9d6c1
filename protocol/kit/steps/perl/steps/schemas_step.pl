# SPDX-License-Identifier: Apache-2.0

my $titled = { type => 'object', properties => { title => { type => 'string' } }, required => ['title'] };

+{
    config => {
        type => 'api', name => 'Schemas', path => '/schemas', method => 'POST',
        bodySchema => $titled, responseSchema => { 200 => $titled },
    },
    handler => sub { my ($request) = @_; return { status => 200, body => $request->{body} } },
};

# The handler executes the operations that its input lists. SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use Time::Piece ();

my %PARAMETERS = (
    'state.get' => [qw(group key)], 'state.set' => [qw(group key value)], 'state.delete' => [qw(group key)],
    'state.get_group' => ['group'], 'state.clear' => ['group'],
    'streams.get' => [qw(group id)], 'streams.set' => [qw(group id data)], 'streams.delete' => [qw(group id)],
    'streams.get_group' => ['group'], 'streams.send' => [qw(group event id)],
);

sub nested {
    my ($levels) = @_;
    my $value = [];
    $value = [$value] for 2 .. $levels;
    return $value;
}

sub cycle {
    my $value = [];
    push @$value, $value;
    return $value;
}

my %NATIVES = (
    nan => sub { 9**9**9 - 9**9**9 },
    infinity => sub { 9**9**9 },
    too_large => sub { 9007199254740992 },
    large_float => sub { [9007199254740992.0, 1e20, -1e20] },
    integral_float => sub { unpack 'd', pack 'd', 1 },
    cycle => \&cycle,
    deep => sub { nested(101) },
    hundred => sub { nested(100) },
    time => sub { Time::Piece::gmtime(1704164645) },
    lone_surrogate => sub { chr 0xd800 },
    bytes => sub { bless \(my $bytes = "\x00\xff"), 'Polystep::Bytes' },
    number_keys => sub { { 1 => 'one' } },
    nested_nan => sub { { items => [{ total => 9**9**9 - 9**9**9 }] } },
    object => sub { bless {}, 'NoForm' },
    function => sub { sub { } },
    proto_key => sub { { '__proto__' => 1 } },
    minus_zero => sub { unpack 'd', pack 'd', '-0.0' },
);

sub call {
    my ($context, $operation) = @_;
    my %args = %{ $operation->{args} };
    if (my $native = $operation->{native}) {
        $args{ exists $args{value} ? 'value' : 'data' } = $NATIVES{$native}->();
    }
    $args{data} = $args{data} x $operation->{times} if $operation->{times};
    my $method = $operation->{method};
    return $context->emit(\%args) if $method eq 'emit';

    my ($area, $name) = split /\./, $method;
    my $target = $area eq 'state' ? $context->state : $context->streams($args{stream});
    return $target->$name(@args{ @{ $PARAMETERS{$method} } });
}

# What a command prints.
sub child {
    open my $output, '-|', @_ or die "$_[0]: $!";
    local $/;
    return scalar <$output> // '';
}

sub caught_error {
    my ($error) = @_;
    return { name => 'die', message => "$error" } if ref $error ne 'Polystep::Error';
    return { map { $_ => $error->{$_} } qw(name message code data) };
}

sub handler {
    my ($input, $context) = @_;
    my @values;
    my $caught;
    for my $operation (@{ $input->{ops} // $input->{body}{ops} }) {
        my $do = $operation->{do};
        if ($do eq 'return') { return $operation->{value} }
        elsif ($do eq 'nothing') { return }
        elsif ($do eq 'input') { return $input }
        elsif ($do eq 'native') { return $NATIVES{ $operation->{name} }->() }
        elsif ($do eq 'context') { my $member = $operation->{member}; push @values, $context->$member }
        elsif ($do eq 'call') {
            my $value;
            if (!eval { $value = call($context, $operation); 1 }) {
                $caught = $@;
                die $caught if !$operation->{catch};
                $value = caught_error($caught);
            }
            push @values, $value if !$operation->{unawaited};
        }
        elsif ($do eq 'raise') { die "$operation->{message}\n" }
        elsif ($do eq 'raise_odd') { die bless \(my $text = 'odd'), 'Polystep::Text' }
        elsif ($do eq 'reraise') { die $caught }
        elsif ($do eq 'log') {
            my %fields = %{ $operation->{fields} // {} };
            $fields{value} = $NATIVES{ $operation->{native} }->() if $operation->{native};
            my $level = $operation->{level};
            $context->logger->$level($operation->{message}, %fields ? \%fields : ());
        }
        elsif ($do eq 'print') { print "$operation->{text}\n" }
        elsif ($do eq 'print_part') { print $operation->{text} }
        elsif ($do eq 'print_error') { print STDERR "$operation->{text}\n" }
        elsif ($do eq 'write') { syswrite STDOUT, "$operation->{text}\n" }
        elsif ($do eq 'read') { my $text = ''; sysread STDIN, $text, 1024; push @values, $text }
        elsif ($do eq 'spawn') { system 'printf', '%s\n', $operation->{text} }
        elsif ($do eq 'child_environment') {
            my $text = child('sh', '-c', 'printf %s "$POLYSTEP_CHANNEL"');
            push @values, $text eq '' ? undef : $text;
        }
        elsif ($do eq 'child_descriptors') { push @values, child('ls', '-l', '/proc/self/fd') }
        elsif ($do eq 'exit') { exit($operation->{status} // 0) }
        elsif ($do eq 'loop') { 1 while 1 }
        elsif ($do eq 'wait') { sleep 3600 while 1 }
        elsif ($do eq 'fail_later') { }    # a call of the context always waits
        elsif ($do eq 'kill') { kill 'KILL', $$ }
        else { die "no operation $do\n" }
    }
    return \@values;
}

+{ config => { type => 'event', name => 'Script', subscribes => ['script'], emits => [] }, handler => \&handler };

# A small Perl runner for polystep: one run at a time, core modules only, a msgpack of its own (protocol/SPEC.md).
# A step file's last value is +{config => {...}, handler => sub { my ($input, $context) = @_; ... }}. Apache-2.0.
sub Polystep::evaluate { eval $_[0] }    # up here, where user code sees no variable and no pragma of this file
use v5.36;
no warnings qw(experimental::builtin recursion);

package Polystep;
use builtin qw(blessed created_as_number is_bool refaddr);
use Carp ();
use POSIX ();
use Time::HiRes ();

my ($frame_max, $last_id, $bytes, $at) = (1 << 24, 0, '', 0);    # `bytes`: the message that is read, `at`: how far
my ($in, $out, $project, $run, @jobs, @drains, %open, %files, %answers);
my %CODES = (internal => 1, method_not_found => 2, invalid_params => 3, invalid_value => 4, frame_too_large => 5,
    protocol_mismatch => 6, cancelled => 11, run_ended => 13, load_failed => 20, step_failed => 21);

package Polystep::Error { use overload '""' => sub { $_[0]{message} }, fallback => 1 }    # the host's, or made here
package Polystep::Bytes { use overload '""' => sub { ${ $_[0] } }, fallback => 1 }        # other strings are text

package Polystep::Context {    # the context, its logger, context->state, and context->streams('name')
    sub logger ($self) { $self }
    sub emit ($self, $event) { Polystep::call($self->{run}, 'emit', { data => undef, %$event }) }
    sub state ($self) { bless { %$self, area => 'state', names => [qw(group key value)] } }
    sub streams ($self, $name) { bless { %$self, area => 'streams', names => [qw(group id data)], stream => $name } }
    sub AUTOLOAD ($self, @values) {
        my $name = our $AUTOLOAD =~ s/.*:://r;
        return $self->{run}{params}{$name} if $name =~ /^(trace_id|attempt|flows|DESTROY)$/;
        return Polystep::note($self->{run}, $name, @values) if $name =~ /^(debug|info|warn|error)\z/;
        my @names = $name eq 'send' ? qw(group event id) : @{ $self->{names} // Carp::croak("no method $name") };
        my %params = map { $names[$_] => $values[$_] } 0 .. $#values;
        $params{stream} = $self->{stream} if $self->{area} eq 'streams';
        return Polystep::call($self->{run}, "$self->{area}.$name", \%params);
    }
}
sub failure ($name, $message, $data = {}, $retryable = $name eq 'cancelled') {
    my %error = (code => $CODES{$name}, name => $name, message => $message, data => $data, retryable => !!$retryable);
    return bless \%error, 'Polystep::Error';
}
sub fail (@error) { die failure(@error) }

# Values to msgpack; a reader takes heads of any length.
my $ILL_FORMED = qr/[\x{d800}-\x{dfff}]|[^\x{0}-\x{10ffff}]/;
sub clean ($text, $size) { return substr $text =~ s/$ILL_FORMED/\x{fffd}/gr, 0, $size }
sub refuse ($path, $what) { fail('invalid_value', "$path: $what cannot be carried", { path => $path }) }
sub encode ($value, $path = '', @inside) {
    return "\xc0" if !defined $value || ref $value eq 'CODE';
    return $value ? "\xc3" : "\xc2" if is_bool($value) || ref $value eq 'JSON::PP::Boolean';
    if (created_as_number($value)) {
        refuse($path, "the number $value") if $value != $value || abs $value == 9**9**9;
        return pack 'Cd>', 0xcb, $value if $value != int $value || abs $value >= 1e21;
        return abs $value < 2**53 ? pack 'Cq>', 0xd3, $value : refuse($path, 'an integer beyond 2^53-1');
    }
    if (!ref $value) {
        refuse($path, 'a lone surrogate, or what is beyond Unicode,') if $value =~ $ILL_FORMED;
        utf8::encode(my $utf8 = "$value");
        return pack 'CN/a*', 0xdb, $utf8;
    }
    return pack 'CN/a*', 0xc6, $$value if ref $value eq 'Polystep::Bytes';
    return encode(Time::Piece::gmtime($value->epoch)->datetime . 'Z') if blessed $value && $value->isa('Time::Piece');
    refuse($path, 'a value of the type ' . ref $value) if ref($value) !~ /^(ARRAY|HASH)$/;
    refuse($path, 'a value that contains itself') if grep { $_ == refaddr $value } @inside;
    refuse($path, 'more than 100 containers inside each other') if @inside == 100;
    push @inside, refaddr $value if $path ne '';    # the message around a value is not counted
    return join '', pack('CN', 0xdd, scalar @$value), map { encode($value->[$_], "$path\[$_]", @inside) } 0 .. $#$value
        if ref $value eq 'ARRAY';
    my @keys = grep { ref $value->{$_} ne 'CODE' } keys %$value;    # functions are left out
    return join '', pack('CN', 0xdf, scalar @keys),
        map { encode("$_", $path) . encode($value->{$_}, $path eq '' ? $_ : "$path.$_", @inside) } @keys;
}

# Msgpack to values: `head` gives what kind of value comes, and its size, or the value itself when it is `plain`.
my %PLAIN = (0xc0 => undef, 0xc2 => !!0, 0xc3 => !!1);
my %SIZED = (0xc4 => 'bytes C', 0xc5 => 'bytes n', 0xc6 => 'bytes N', 0xd9 => 'text C', 0xda => 'text n',
    0xdb => 'text N', 0xdc => 'array n', 0xdd => 'array N', 0xde => 'map n', 0xdf => 'map N', 0xca => 'plain f>',
    0xcb => 'plain d>', 0xcc => 'plain C', 0xcd => 'plain n', 0xce => 'plain N', 0xcf => 'plain Q>',
    0xd0 => 'plain c', 0xd1 => 'plain s>', 0xd2 => 'plain l>', 0xd3 => 'plain q>');
sub take ($n) { return $at + $n > length $bytes ? fail('invalid_value', 'it ends early') : substr $bytes, ($at += $n) - $n, $n }
sub head ($head = ord take(1)) {
    return (plain => $head < 0x80 ? $head : $head - 256) if $head < 0x80 || $head >= 0xe0;
    return (plain => $PLAIN{$head}) if exists $PLAIN{$head};
    return ($head < 0x90 ? 'map' : $head < 0xa0 ? 'array' : 'text', $head & ($head < 0xa0 ? 15 : 31)) if $head < 0xc0;
    my ($kind, $format) = split / /, $SIZED{$head} // fail('invalid_value', 'an extension type, or the byte c1');
    return ($kind, unpack $format, take(length pack $format, 0));
}
sub decode ($depth = 0) {
    my ($kind, $size) = head();
    return $size if $kind eq 'plain';
    if ($kind =~ /bytes|text/) {
        my $string = take($size);
        return bless \$string, 'Polystep::Bytes' if $kind eq 'bytes';
        return utf8::decode($string) && $string !~ $ILL_FORMED ? $string : fail('invalid_value', 'ill-formed UTF-8');
    }
    my @items;
    while (@items < ($kind eq 'map' ? 2 * $size : $size)) {
        push @items, decode($depth < 110 ? $depth + 1 : fail('invalid_value', 'too many containers'));
        fail('invalid_value', 'a key that is no text') if $kind eq 'map' && @items % 2 && type($items[-1]) ne 'TEXT';
    }
    return $kind eq 'map' ? {@items} : \@items;
}
sub type ($value) { return !defined $value ? 'NIL' : ref $value || (created_as_number($value) ? 'NUMBER' : 'TEXT') }

# The channel.
sub post (@parts) {    # sends a message of encoded parts
    my $frame = pack 'N/a*', chr(0x90 | @parts) . join '', @parts;
    fail('frame_too_large', "more than $frame_max bytes, which are allowed") if length $frame > 4 + $frame_max;
    print $out $frame or stop(1, "the channel cannot be written: $!\n");
}
sub answer ($id, $error, $value = undef) {    # with the value, the error, or that either cannot be sent
    return if !$error && eval { post("\1", encode($id), "\xc0", encode($value, 'result')); 1 };
    $error ||= $@;
    eval { post("\1", encode($id), encode({%$error}), "\xc0"); 1 } or post("\1", encode($id), encode({ %{$@} }), "\xc0");
}
sub stop ($status, $why = '') { print STDERR $why and POSIX::_exit($status) }
sub next_frame () {
    my $got = read $in, my $head, 4;
    stop($got ? 1 : 0) if !$got || $got < 4;
    my $size = my $rest = unpack 'N', $head;
    $rest -= read $in, $bytes, $size > $frame_max ? 64 : $size;
    for (my $n = 1; $rest && $n; $rest -= $n) { $n = read $in, my $dropped, $rest < 65536 ? $rest : 65536 }
    stop(1) if $rest;
    message($size > $frame_max && failure('frame_too_large', "$size bytes, where $frame_max are allowed"));
}
sub message ($refused) {
    $at = 0;
    my @head = eval { my ($type, $n) = head(); $type eq 'array' ? ($n, map { decode() } 2 .. $n - 1) : () };
    my (undef, $kind, $id) = @head;
    stop(1, "the channel broke: a frame that is no message\n")
        if grep({ type($_) ne 'NUMBER' } @head) || join(' ', map { $_ + 0 } @head) !~ /^(3 2|4 [01] -?\d+)$/;
    $at = 0;
    my $message = !$refused && eval { decode() };
    $refused ||= $@ || $at < length $bytes && failure('invalid_value', 'bytes behind the message');
    if ($kind == 1) {
        $answers{$id} = $refused ? [$refused] : [@$message[2, 3]] if exists $answers{$id} && !$answers{$id};
    } elsif ($kind == 0) {
        eval { die $refused if $refused; request($id, @$message[2, 3]); 1 } or answer($id, $@);
    } elsif (!$refused && $message->[1] eq 'cancel' && $run && $message->[2]{run} eq $run->{params}{run}) {
        finish(failure('cancelled', "the host cancelled the run: $message->[2]{reason}"));
    }
}
my %NEEDED = (drain => '', shutdown => '', hello => 'host HASH project TEXT frame_bytes_max NUMBER features ARRAY',
    'step.load' => 'file TEXT kind TEXT',
    'step.run' => 'run TEXT file TEXT step TEXT type TEXT trace_id TEXT attempt NUMBER flows ARRAY');
sub request ($id, $method, $params) {
    fail('invalid_params', '`hello` comes first, and once') if defined $project == ($method eq 'hello');
    my %needed = split / /, $NEEDED{$method} // fail('method_not_found', "there is no method $method");
    fail('invalid_params', 'params has to be a map') if ref $params ne 'HASH';
    fail('protocol_mismatch', 'the runner speaks 1.0: update the side that is behind', { protocol => '1.0' })
        if $method eq 'hello' && ($params->{protocol} // '') !~ /^1\.\d+\z/;
    type($params->{$_}) eq $needed{$_} or fail('invalid_params', "$method needs $_") for sort keys %needed;
    if ($method eq 'hello') {
        answer($id, undef, { protocol => '1.0', runner => { name => 'polystep-perl', version => '1.0.0' },
            language => 'perl', pid => POSIX::getpid(), runs_max => 1, frame_bytes_max => $frame_max, features => [] });
        $project = $params->{project};
        $frame_max = $params->{frame_bytes_max} if $params->{frame_bytes_max} < $frame_max;
    } elsif ($method eq 'step.run') {
        my $handler = $files{ $params->{file} } && $files{ $params->{file} }{handler};
        fail('invalid_params', 'the file has no handler, or the run is open') if !$handler || $open{ $params->{run} }++;
        push @jobs, sub { execute($id, $params, $handler) };
    } elsif ($method eq 'step.load') {
        push @jobs, sub { load($id, $params->{file}) };
    } else {
        $method eq 'drain' && %open ? push @drains, $id : answer($id, undef);
        stop(0) if $method eq 'shutdown';
    }
}

# Steps.
sub guarded ($name, $code) {    # what user code gives, behind the error that describes what it raised
    my $stack = '';
    local $SIG{__DIE__} = sub { $stack = Carp::longmess('') };
    my $value = eval { [scalar $code->()] };
    return (undef, @$value) if $value;
    my $error = $@;
    my $message = clean(eval { "$error" } // '', 16384);
    my %data = (name => clean(ref $error || 'die', 1000), message => $message, stack => clean($stack, 32768));
    my $retryable = ref $error eq 'Polystep::Error' ? $error->{retryable} : $name eq 'step_failed';
    return failure($name, $message, \%data, $retryable);
}
sub load ($id, $file) {
    my ($error, $step) = guarded('load_failed', sub {
        open my $source, '<:raw', my $path = "$project/$file" or die "$file cannot be read: $!\n";
        my $step = evaluate("package Polystep::File" . keys(%files) . ";\n#line 1 \"$path\"\n" . join '', <$source>);
        die $@ if ref $@ || $@ ne '';
        return ref $step eq 'HASH' && ref $step->{config} eq 'HASH' ? $step : die "$file gives no config\n";
    });
    $files{$file} = $step if !$error;
    answer($id, $error, $error ? undef : { config => $step->{config}, handler => ref $step->{handler} eq 'CODE' });
}
sub execute ($id, $params, $handler) {
    $run = { request => $id, params => $params };
    my $context = bless { run => $run }, 'Polystep::Context';
    finish(guarded('step_failed', sub { $handler->($params->{type} eq 'cron' ? () : $params->{input}, $context) }));
    undef $run;
}
sub finish ($error, $value = undef) {
    return if $run->{ended}++;
    undef $value if $run->{params}{type} ne 'api' && !eval { encode($value, 'result') };    # it has no meaning there
    answer($run->{request}, $error, $value);
    delete $open{ $run->{params}{run} };
    if (!%open) { answer($_, undef) for splice @drains }
}
sub call ($of, $method, $params) {
    my %params = (%$params, run => $of->{params}{run});
    for my $name (grep { !/^(data|value|event)$/ } keys %params) {
        if (!defined $params{$name} && $name =~ /^(id|message_group_id)$/) { delete $params{$name}; next }
        fail('invalid_params', "$name has to be text") if type($params{$name}) !~ /^(TEXT|NUMBER)$/;
        $params{$name} = "$params{$name}";
    }
    fail('run_ended', 'the run has ended') if $of->{ended};
    post("\0", encode(my $id = ++$last_id), encode($method), encode(\%params));
    $answers{$id} = undef;
    next_frame() until $answers{$id} || $of->{ended};
    my ($error, $result) = @{ delete $answers{$id} // [failure('cancelled', 'the host cancelled the run')] };
    return $result if !defined $error;
    die eval { defined $error->{name} } ? bless {%$error}, 'Polystep::Error'
        : failure('internal', 'the host answered an error of no known shape', {}, 1);
}
sub note ($of, $level, $message, $fields = {}) {
    my %fields = ref $fields eq 'HASH' ? %$fields : (value => $fields);
    eval { encode($_, 'fields', 1) } or $_ = eval { clean("$_", 1000) } // '' for values %fields;
    my %log = (run => $of->{params}{run}, level => $level, message => clean("$message", 16384), source => 'logger',
        fields => \%fields, time_ms => int(1000 * Time::HiRes::time()));
    eval { post("\2", encode('log'), encode(\%log)) };    # one that is too large is left out
}

BEGIN {    # `exit` in user code is an ordinary failure, and forked children do not hold the channel
    *CORE::GLOBAL::exit = sub { die "exit was called\n" };
    *CORE::GLOBAL::fork = sub { my $pid = CORE::fork(); if (defined $pid && !$pid) { close $in; close $out } $pid };
}
delete $ENV{POLYSTEP_CHANNEL};    # programs that user code starts are no runners
open $in, '<&0' and open $out, '>&1' or stop(1, "no channel: $!\n");    # closed on exec, like all but 0, 1 and 2
open STDIN, '<', '/dev/null' and open STDOUT, '>&', \*STDERR;
$_->autoflush(1) for $out, *STDOUT{IO};
binmode $_ for $in, $out;
$SIG{INT} = $SIG{PIPE} = sub { };    # not 'IGNORE', which children would inherit
while (1) { @jobs ? shift(@jobs)->() : next_frame() }

# A small Perl runner for polystep: one run at a time, core modules only, a msgpack of its own (protocol/SPEC.md).
# A step file's last value is +{config => {...}, handler => sub { my ($input, $context) = @_; ... }}. Apache-2.0.
sub Polystep::evaluate { eval $_[0] }    # up here, where user code sees no variable and no pragma of this file
use v5.36;
no warnings qw(experimental::builtin once recursion);
package Polystep;
use builtin qw(blessed created_as_number is_bool refaddr);
require "$_.pm" for qw(B Carp Encode POSIX Time/HiRes);
my ($frame_max, $last_id, $bytes, $at) = (1 << 24, 0, '', 0);    # `bytes`: the message that is read, `at`: how far
my ($run, $in, $out, $project, @drains, %files, %answers, %SIZED) = { ended => 1 };
my %CODES = (internal => 1, method_not_found => 2, invalid_params => 3, invalid_value => 4, frame_too_large => 5,
    protocol_mismatch => 6, cancelled => 11, run_ended => 13, load_failed => 20, step_failed => 21);
package Polystep::Error { use overload '""' => sub { $_[0]{message} }, fallback => 1 }    # the host's, or made here
package Polystep::Text { use overload '""' => sub { ${ $_[0] } }, fallback => 1 }
package Polystep::Bytes { our @ISA = 'Polystep::Text' }                                   # other strings are text
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
        my %params = (stream => $self->{stream}, map { $names[$_] => $values[$_] } 0 .. $#values);
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
    my $size = created_as_number($value) ? abs $value : undef;
    return pack 'Cq>', 0xd3, $value if defined $size && $size < 2**53 && $size == int $size;
    return pack 'Cd>', 0xcb, $value if $size && $size < 9**9**9 && ~B::svref_2object(\$value)->FLAGS & B::SVf_IOK();
    refuse($path, "the number $value") if defined $size;
    refuse($path, 'a lone surrogate, or what is beyond Unicode,') if !ref $value && $value =~ $ILL_FORMED;
    return pack 'CN/a*', 0xdb, Encode::encode_utf8($value) if !ref $value;
    return pack 'CN/a*', 0xc6, $$value if ref $value eq 'Polystep::Bytes';
    return encode(Time::Piece::gmtime($value->epoch)->datetime . 'Z') if blessed $value && $value->isa('Time::Piece');
    refuse($path, 'a value of the type ' . ref $value) if ref($value) !~ /^(ARRAY|HASH)$/;
    refuse($path, 'a value inside itself or 100 others') if @inside == 100 || grep { $_ == refaddr $value } @inside;
    push @inside, refaddr $value if $path ne '';    # the message around a value is not counted
    return join '', pack('CN', 0xdd, scalar @$value), map { encode($value->[$_], "$path\[$_]", @inside) } 0 .. $#$value
        if ref $value eq 'ARRAY';
    my @keys = grep { ref $value->{$_} ne 'CODE' } keys %$value;    # functions are left out
    return join '', pack('CN', 0xdf, scalar @keys),
        map { encode("$_", $path) . encode($value->{$_}, $path eq '' ? $_ : "$path.$_", @inside) } @keys;
}

# Msgpack to values: `head` gives what kind of value comes, and its size, or the value itself when it is `plain`.
@SIZED{0xc4 .. 0xc6, 0xca .. 0xd3, 0xd9 .. 0xdf} = qw(bytes:C bytes:n bytes:N plain:f> plain:d> plain:C plain:n plain:N
    plain:Q> plain:c plain:s> plain:l> plain:q> text:C text:n text:N array:n array:N map:n map:N);
sub take ($n) { return ($at += $n) > length $bytes ? fail('invalid_value', 'cut off') : substr $bytes, $at - $n, $n }
sub head ($head = ord take(1)) {
    return (plain => $head < 0x80 ? $head : $head - 256) if $head < 0x80 || $head >= 0xe0;
    return (plain => $head == 0xc0 ? undef : $head == 0xc3) if $head == 0xc0 || $head == 0xc2 || $head == 0xc3;
    return ($head < 0x90 ? 'map' : $head < 0xa0 ? 'array' : 'text', $head & ($head < 0xa0 ? 15 : 31)) if $head < 0xc0;
    my ($kind, $format) = split /:/, $SIZED{$head} // fail('invalid_value', 'an extension type, or the byte c1');
    return ($kind, unpack $format, take(length pack $format, 0));
}
sub decode ($depth = 0) {
    my ($kind, $size) = head();
    return $size if $kind eq 'plain';
    my $string = take($kind =~ /bytes|text/ ? $size : 0);
    return bless \$string, 'Polystep::Bytes' if $kind eq 'bytes';
    fail('invalid_value', 'ill-formed UTF-8') if !utf8::decode($string) || $string =~ $ILL_FORMED;
    return $string if $kind eq 'text';
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
    eval { post("\1", encode($id), encode({%$error}), "\xc0"); 1 } or answer($id, $@);
}
sub stop ($status, $why = '') { print STDERR $why; POSIX::_exit($status) }
sub next_frame () {
    stop(length $bytes ? 1 : 0) if read($in, $bytes, 4) != 4;
    my $length = unpack 'N', $bytes;
    ($at, my $rest) = (0, $length - read $in, $bytes, $length > $frame_max ? 64 : $length);
    $rest -= read($in, my $dropped, $rest < 65536 ? $rest : 65536) || stop(1) while $rest;
    my $refused = $length > $frame_max && failure('frame_too_large', "$length bytes, where $frame_max are allowed");
    my ($type, $size, @message) = eval { head() } or stop(1, "the channel broke: an empty frame\n");
    eval { push @message, decode() while @message < $size; 1 } or $refused ||= $@;    # what came before is kept
    $refused ||= $at < length $bytes && failure('invalid_value', 'bytes behind the message');
    my ($kind, $id) = map { type($_) eq 'NUMBER' ? $_ + 0 : 'none' } @message[0, 1];
    stop(1, "the channel broke: this is no message\n") if "$type $size $kind $id" !~ /^array (3 2 |4 [01] -?\d+$)/;
    if ($kind == 1) {
        $answers{$id} = $refused ? [$refused] : [@message[2, 3]] if exists $answers{$id} && !$answers{$id};
    } elsif ($kind == 0) {
        eval { die $refused if $refused; request($id, @message[2, 3]); 1 } or answer($id, $@);
    } elsif (!$refused && $message[1] eq 'cancel' && !$run->{ended} && $message[2]{run} eq $run->{params}{run}) {
        finish(failure('cancelled', "the host cancelled the run: $message[2]{reason}"));
    }
}
my %NEEDED = (drain => '', shutdown => '', hello => 'host HASH project TEXT frame_bytes_max NUMBER features ARRAY',
    'step.load' => 'file TEXT kind TEXT',
    'step.run' => 'run TEXT file TEXT step TEXT type TEXT trace_id TEXT attempt NUMBER flows ARRAY');
sub request ($id, $method, $params) {
    fail('invalid_params', '`hello` comes first, and once') if defined $project == ($method eq 'hello');
    my %needed = split / /, $NEEDED{$method} // fail('method_not_found', "there is no method $method");
    fail('protocol_mismatch', 'the runner speaks 1.0: update the side that is behind', { protocol => '1.0' })
        if $method eq 'hello' && ref $params eq 'HASH' && ($params->{protocol} // '') !~ /^1\.\d+\z/;
    fail('invalid_params', "$method needs $NEEDED{$method}")
        if ref $params ne 'HASH' || grep { type($params->{$_}) ne $needed{$_} } keys %needed;
    if ($method eq 'hello') {
        answer($id, undef, { protocol => '1.0', runner => { name => 'polystep-perl', version => '1.0.0' },
            language => 'perl', pid => $$, runs_max => 1, frame_bytes_max => $frame_max, features => [] });
        $project = $params->{project};
        $frame_max = $params->{frame_bytes_max} if $params->{frame_bytes_max} < $frame_max;
    } elsif ($method eq 'step.run') {
        my $handler = $files{ $params->{file} } && $files{ $params->{file} }{handler};
        fail('invalid_params', 'the file has no handler, or a run is open') if !$handler || !$run->{ended};
        $run = { request => $id, params => $params };
        my @input = ($params->{type} eq 'cron' ? () : $params->{input}, bless { run => $run }, 'Polystep::Context');
        finish(guarded('step_failed', sub { $handler->(@input) }));
    } elsif ($method eq 'step.load') {
        my ($path, $package) = ("$project/$params->{file}", 'Polystep::File' . keys %files);
        my ($error, $step) = guarded('load_failed', sub {
            open my $source, '<:raw', $path or die "$path cannot be read: $!\n";
            my $step = evaluate("package $package;\n#line 1 \"$path\"\n" . join '', <$source>);
            return ref $step eq 'HASH' && ref $step->{config} eq 'HASH' ? $step : die $@ || "$path gives no config\n";
        });
        $files{ $params->{file} } = $step if !$error;
        answer($id, $error, $step && { config => $step->{config}, handler => ref $step->{handler} eq 'CODE' });
    } else {
        $method eq 'drain' && !$run->{ended} ? push @drains, $id : answer($id, undef);
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
sub finish ($error, $value = undef) {
    return if $run->{ended}++;
    undef $value if $run->{params}{type} ne 'api';    # it has no meaning there
    answer($run->{request}, $error, $value);
    answer($_, undef) for splice @drains;
}
sub call ($of, $method, $params) {
    my %params = (%$params, run => $of->{params}{run});
    delete $params{$_} for grep { !defined $params{$_} } qw(id message_group_id stream);
    $params{$_} = type($params{$_}) =~ /^(TEXT|NUMBER)$/ ? "$params{$_}" : fail('invalid_params', "$_ has to be text")
        for grep { !/^(data|value|event)$/ } keys %params;
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
*CORE::GLOBAL::exit = sub { die "exit was called\n" };
*CORE::GLOBAL::fork = sub { my $pid = CORE::fork(); if (defined $pid && !$pid) { close $in; close $out } $pid };
delete $ENV{POLYSTEP_CHANNEL};    # programs that user code starts are no runners, and do not get what is above 2
open $in, '<&0' and open $out, '>&1' and open STDIN, '<', '/dev/null' and open STDOUT, '>&', \*STDERR or stop(1, $!);
binmode $_ and $_->autoflush(1) for $in, $out, *STDOUT{IO};
$SIG{INT} = $SIG{PIPE} = sub { };    # not 'IGNORE', which children would inherit
next_frame() while 1;

# The Ruby runner of polystep (protocol/SPEC.md): one thread reads, one writes, each run has its own. Apache-2.0
["msgpack", "time", "#{__dir__}/features/pages"].each { |library| require library }
module Polystep
  extend self
  CODES = { "method_not_found" => 2, "invalid_params" => 3, "invalid_value" => 4, "frame_too_large" => 5,
            "protocol_mismatch" => 6, "cancelled" => 11, "run_ended" => 13, "load_failed" => 20, "step_failed" => 21 }
  UNKNOWN = { "code" => 1, "name" => "internal", "message" => "an error of no known shape", "retryable" => true }
  HELLO = { protocol: "1.0", runner: { name: "polystep-ruby", version: "1.0.0" }, language: "ruby", pid: Process.pid,
            runs_max: 8, frame_bytes_max: (@frame_max = 1 << 24), features: %w[integers pages] } # 8 loops leave a turn
  TEXT, VALUES = ->(v) { String === v || Symbol === v || Numeric === v }, %i[data value event limit]
  KEYS, MSGPACK = [TEXT, nil, true, false], MessagePack::Factory.new # one without types that user code registers
  OUTBOX, LOCK, FILES, RUNS, WAITING = Queue.new, Mutex.new, {}, {}, {} # WAITING: a queue for each call, by its id
  STDIO = ENV.delete("POLYSTEP_CHANNEL") == "stdio" # programs that user code starts are no runners
  INPUT, OUTPUT = CHANNEL = STDIO ? [STDIN.dup, STDOUT.dup] : [IO.for_fd(3), IO.for_fd(4, "w")]
  WRITER = Thread.new { while (frame = OUTBOX.pop) do OUTPUT.write(frame) end }
  def post(frame)
    OUTBOX << frame
  rescue ClosedQueueError then nil # the process is ending: nobody waits for it
  end
  class Failure < StandardError # an error of the protocol, answered by the host or made here
    attr_reader :wire
    def initialize(wire) = super((@wire = Hash === wire && wire["name"] ? wire : UNKNOWN)["message"])
    %w[name code data retryable].each { |member| define_method(member) { @wire[member] } }
  end
  def failure(name, message, data = {}, retryable = name == "cancelled") =
    Failure.new("code" => CODES[name], "name" => name, "message" => message, "data" => data, "retryable" => retryable)
  def failed(name, error, retryable = Failure === error ? error.retryable : name == "step_failed") =
    failure(name, cut(16_384) { error.message }, describe(error), retryable)
  def describe(error) = { "name" => cut(1000) { Failure === error ? error.name : error.class },
                          "message" => cut(16_384) { error.message }, "stack" => cut(32_768) { stack(error) } }
  def stack(error) # the lines of the user's code, and below them those of the cause
    lines = error.backtrace.to_a.reject { |line| line.start_with?(__FILE__) }
    cause = error.cause
    [*lines, *("Caused by: #{cause.class}: #{cause.message}\n#{stack(cause)}".strip if cause)].join("\n")
  end
  def cut(size) # a description must not fail, whatever user code raises in it
    yield.to_s.b.force_encoding("UTF-8").scrub[0, size]
  rescue Exception then ""
  end
  # The value as the protocol has it (section 3), or a Failure; with `lax`, what cannot be carried becomes text.
  def carry(value, path, lax: false, inside: [])
    case value
    in nil | true | false then value
    in Proc | Method then nil
    in Time | Date then value.iso8601
    in Integer | Float if value.abs < 2**53 || (Float === value && value.finite?) then value
    in String if value.encoding == Encoding::BINARY then value.to_s # it travels as bytes
    in String | Symbol if (text = value.to_s.encode("UTF-8") rescue nil)&.valid_encoding? then text
    in Array | Hash if inside.size < 100 && inside.none? { |outer| outer.equal?(value) }
      down = ->(item, at) { carry(item, path + at, lax:, inside: [*inside, value]) }
      return value.map.with_index { |item, index| down[item, "[#{index}]"] } if Array === value
      value.reject { |_, v| Proc === v || Method === v }.to_h { |k, v| [k = key(k, path, lax), down[v, ".#{k}"]] }
    in _ if lax then Exception === value ? describe(value) : cut(1000) { value.to_s }
    else refuse(value, path)
    end
  end
  def key(key, at, lax) = lax || KEYS.any? { _1 === key } ? cut(1 << 24) { key.nil? ? "null" : key } : refuse(key, at)
  def refuse(value, at) = raise(failure("invalid_value", "#{at}: #{value.class} cannot be carried", { "path" => at }))
  def check(value) # msgpack reads some of what the protocol refuses
    raise TypeError, "ill-formed UTF-8" if String === value && !value.valid_encoding?
    raise TypeError, "a key of bytes" if Hash === value && value.keys.any? { _1.to_str.encoding == Encoding::BINARY }
    Enumerable === value ? value.each { |part| check(part) } : value
  end
  def pack(message, bytes = MSGPACK.dump(message), size = bytes.size) =
    size > @frame_max ? raise(failure("frame_too_large", "#{size} bytes, not #{@frame_max}")) : [size].pack("N") + bytes
  def reply(id, error = nil) # the frame that answers a request: with what the block gives or raises, or with the error
    pack([1, id, error&.wire, error ? nil : yield])
  rescue Failure => e then reply(id, e)
  end
  Area = Struct.new(:run, :area, :names, :fixed) do include Pages # context.state, context.streams.NAME
    def send(group, event, id = nil) = run.call("#{area}.send", **fixed, group:, event:, id:)
    def method_missing(name, *given) = run.call("#{area}.#{name}", **fixed, **names.zip(given).take(given.size).to_h)
  end
  Streams = Class.new(Hash) { def method_missing(name) = self[name] }
  Run = Struct.new(:request, :params, :threads, :parts) do # a run, which is its handler's context and logger too
    %i[trace_id attempt flows].each { |name| define_method(name) { params[name] } }
    %w[debug info warn error].each { |level| define_method(level) { |text, fields = {}| log(level, text, fields) } }
    def logger = self
    def state = Area.new(self, "state", %i[group key value], {})
    def streams = Streams.new { |_, name| Area.new(self, "streams", %i[group id data], { stream: name }) }
    def emit(event = {}, **more) = call("emit", data: nil, **event.transform_keys(&:to_sym), **more)
    def finish(frame)
      parts.each_key { |level| print(level, "\n") unless parts[level].to_s.empty? } # the last line may have no end
      LOCK.synchronize { RUNS.delete(params[:run]) && Polystep.post(frame) }
    end
    def print(level, text) # lines that user code printed; what does not end waits for its end, but not for ever
      LOCK.synchronize do
        *lines, rest = "#{parts[level]}#{text}".b.split("\n", -1)
        lines, rest = [*lines, rest], "" if rest.size > 16_384
        parts[level] = rest
        lines.each { |line| log(level, line.chomp("\r"), {}, "output") }
      end
    end
    def cancel(why) = finish(Polystep.reply(request, Polystep.failure("cancelled", why))) && threads.list.each(&:kill)
    def execute(handler)
      value = params[:type] == "cron" ? handler.call(self) : handler.call(params[:input], self)
      finish(Polystep.reply(request) { Polystep.carry(value, "result") if params[:type] == "api" })
    rescue Exception => e then finish(Polystep.reply(request, Polystep.failed("step_failed", e))) # `exit` too
    end
    def text(name, value) = TEXT[value] ? value.to_s : raise(Polystep.failure("invalid_params", "#{name} is no text"))
    def call(method, **given)
      given.reject! { |name, value| value.nil? && %i[id message_group_id cursor limit only].include?(name) }
      given = given.to_h { |name, v| [name, Polystep.carry(VALUES.include?(name) ? v : text(name, v), name.to_s)] }
      frame = Polystep.pack([0, (answer = Queue.new).object_id, method, { run: params[:run], **given }])
      raise Polystep.failure("run_ended", "the run has ended") unless equal?(RUNS[params[:run]])
      (WAITING[answer.object_id] = answer) && Polystep.post(frame)
      error, result = answer.pop
      error.nil? ? result : raise(Failure.new(error))
    end
    def log(level, text, fields, source = "logger")
      fields = Polystep.carry(Hash === fields ? fields : { value: fields }, "fields", lax: true)
      entry = { run: params[:run], level:, message: Polystep.cut(16_384) { text }, fields:, source: }
      Polystep.post Polystep.pack([2, "log", { **entry, time_ms: (Time.now.to_f * 1000).to_i }]) rescue nil # too large
    end
  end
  # Standard output and error: what a run's threads print becomes log lines of the run, the rest goes to the descriptor.
  module Printed
    def write(*texts)
      run = RUNS.values.find { |each| each.threads == Thread.current.group }
      return super unless run
      run.print(fileno == 2 ? "error" : "info", texts.map { |text| text.to_s.b }.join)
      texts.sum { |text| text.to_s.bytesize }
    end
  end
  def load_file(file) # in an object of its own, so that files do not overwrite each other's methods
    (target = Object.new).instance_eval(File.read(path = "#{@project}/#{file}", encoding: "UTF-8"), path)
    config = target.config.to_hash.to_h { |k, v| [k, { middleware: [*v].size, canAccess: true }.fetch(k.to_sym, v)] }
    { config: carry(config, "config"), handler: (FILES[file] = target).respond_to?(:handler) }
  rescue Exception => error then raise failed("load_failed", error)
  end
  def request(id, method, params)
    params = params.transform_keys(&:to_sym) if Hash === params
    raise failure("invalid_params", "`hello` comes first, and once") if @project ? method == "hello" : method != "hello"
    case [method, params]
    in ["hello", Hash] if !(/\A1\.\d+\z/ === params[:protocol])
      raise failure("protocol_mismatch", "the runner has 1.0: update what is older", { "protocol" => "1.0" })
    in ["hello", { host: Hash, project: String => project, frame_bytes_max: 1024.. => frame_max, features: Array => has }]
      (@project, @frame_max, @features = project, [frame_max, @frame_max].min, has) && post(reply(id) { HELLO })
    in ["step.load", { file: String => file, kind: String }] then Thread.new { post(reply(id) { load_file(file) }) }
    in ["step.run", { run: String => name, file: String => file, type: "api" | "event" | "cron", input: _, step: String,
         trace_id: String, attempt: Integer, flows: Array }] if FILES[file].respond_to?(:handler) && !RUNS[name]
      RUNS[name] = run = Run.new(id, params, ThreadGroup.new, {})
      run.threads.add(Thread.new { run.execute(FILES[file].method(:handler)) })
    in ["drain", Hash] then Thread.new { (sleep 0.01 until LOCK.synchronize { RUNS.empty? }) || post(reply(id) {}) }
    in ["shutdown", Hash] then post(reply(id) {}) && stop(0)
    in [/\A(hello|step.load|step.run|drain|shutdown)\z/, _] then raise failure("invalid_params", "unfit for #{method}")
    else raise failure("method_not_found", "there is no method #{cut(100) { method }}")
    end
  rescue Failure => e then post(reply(id, e))
  end
  def take(bytes, more) # a frame, and how many bytes of it were dropped
    refused = failure("frame_too_large", "#{more} bytes more than #{@frame_max}") if more > 0
    head = MSGPACK.unpacker.feed(bytes)
    message = begin check(MSGPACK.load(bytes)); rescue StandardError, NoMemoryError; nil end
    refused ||= failure("invalid_value", "the message cannot be read") unless message
    case [size = head.read_array_header, head.read, (head.read if size == 4)]
    in [4, 0, Integer => id] then refused ? post(reply(id, refused)) : request(*message.drop(1))
    in [4, 1, Integer => id] then WAITING.delete(id)&.push(refused ? [refused.wire] : message.drop(2))
    in [3, 2, _] then (message in [_, "cancel", Hash => about]) && RUNS[about["run"]]&.cancel(about["reason"].to_s)
    end
  rescue StandardError, NoMemoryError => error then warn("the channel broke: #{error.message}") || stop(1)
  end
  def stop(status) # the end of the process, whatever user code does
    RUNS.each_value { |run| run.threads.list.each(&:kill) } # endless loops would keep the writer from its turn
    OUTBOX.close && WRITER.join(1.5) # it writes what is there, and ends
    exit!(status)
  end
  CHANNEL.each { |io| (io.binmode.sync = true) && (io.close_on_exec = true) }
  [STDIN.reopen(File::NULL), STDOUT.reopen(STDERR)] if STDIO
  [STDOUT, STDERR].each { |io| io.extend(Printed) }
  Warning.singleton_class.prepend(Module.new { def warn(text, **) = $stderr.write(text) }) # Ruby's own goes past `write`
  trap("INT") {} # not "IGNORE", which children would inherit
  Encoding.default_external = (STDOUT.sync = true) && "UTF-8"
  Process.singleton_class.prepend(Module.new { def _fork = super.tap { |pid| CHANNEL.each(&:close) if pid == 0 } })
  Thread.handle_interrupt(SystemExit => :never) do # `exit` in a thread of user code would end the main thread
    while (size = INPUT.read(4)&.unpack1("N"))
      take(INPUT.read([size, @frame_max].min).to_s, IO.copy_stream(INPUT, File::NULL, [size - @frame_max, 0].max))
    end
    stop(0)
  end
end

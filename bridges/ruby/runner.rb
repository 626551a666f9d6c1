# The Ruby runner of polystep (protocol/SPEC.md). One thread reads the channel, one writes to it, and each attempt of a
# step runs in a thread of its own. What not every runner needs is in features/. Apache-2.0
require "msgpack"
require "time"
%w[durable emit failures isolation logs outgoing output pages streams updates].each { |name| require "#{__dir__}/features/#{name}" }

module Polystep
  extend self

  CODES = {
    "method_not_found" => 2, "invalid_params" => 3, "invalid_value" => 4, "frame_too_large" => 5,
    "protocol_mismatch" => 6, "cancelled" => 11, "timed_out" => 12, "run_ended" => 13, "load_failed" => 20, "step_failed" => 21
  }
  UNKNOWN_ERROR = { "code" => 1, "name" => "internal", "message" => "an error of no known shape", "retryable" => true }
  FRAME_BYTES_MAX = 1 << 24
  DEPTH_MAX = 100 # containers inside each other (PS-3.9)
  STOP_S = 1.5 # for the last frames to be written (PS-7.10)
  HELLO = {
    protocol: "1.0", runner: { name: "polystep-ruby", version: "1.0.0" }, language: "ruby", pid: Process.pid,
    runs_max: 8, # threads share one core: with more, endless loops would leave no turn to the others
    frame_bytes_max: FRAME_BYTES_MAX, features: %w[durable emit.options integers pages update]
  }
  MSGPACK = MessagePack::Factory.new # of its own: user code may register types with the common one

  ATTEMPTS = {} # the open ones, by the name of their run
  CALLS = {} # a queue for the answer of each call that waits, by the call's id
  FILES = {} # what `step.load` made of each file
  LOCK = Mutex.new # an attempt is answered once, and nothing of it is sent behind its answer
  OUTBOX = Queue.new # frames for the thread that writes

  # Programs that user code starts are no runners (PS-2.6).
  STDIO = ENV.delete("POLYSTEP_CHANNEL") == "stdio"
  INPUT, OUTPUT = CHANNEL = STDIO ? [STDIN.dup, STDOUT.dup] : [IO.for_fd(3), IO.for_fd(4, "w")]

  @frame_bytes_max = FRAME_BYTES_MAX
  @project = nil
  @features = []

  # --- Errors (PS-9) -------------------------------------------------------------------------------------------------

  # An error of the protocol: answered by the host, or made here.
  class Failure < StandardError
    attr_reader :wire

    def initialize(wire)
      @wire = wire.is_a?(Hash) && wire["name"] ? wire : UNKNOWN_ERROR
      super(@wire["message"])
    end

    %w[name code data retryable].each { |member| define_method(member) { wire[member] } }
  end

  def failure(name, message, data = {}, retryable: name == "cancelled")
    Failure.new("code" => CODES[name], "name" => name, "message" => message, "data" => data, "retryable" => retryable)
  end

  # Text that can be sent. User code may raise whatever it likes while it is made: then it is empty.
  def cut(chars_max)
    yield.to_s.b.force_encoding("UTF-8").scrub[0, chars_max]
  rescue Exception
    ""
  end

  # --- Values (PS-3) -------------------------------------------------------------------------------------------------

  # The value as it travels; what cannot is refused by its path, or becomes text with `lax`.
  def carry(value, path, lax: false, inside: [])
    case value
    when nil, true, false then return value
    when Proc, Method then return nil
    when Time, Date then return value.iso8601
    when Integer then return value if value.abs < 2**53
    when Float then return value if value.finite?
    when String, Symbol
      text = carry_text(value)
      return text if text
    when Array, Hash
      fits = inside.size < DEPTH_MAX && inside.none? { |outer| outer.equal?(value) }
      return carry_members(value, path, lax, [*inside, value]) if fits
    end
    return refuse(value, path) unless lax

    value.is_a?(Exception) ? describe(value) : cut(1_000) { value.to_s }
  end

  def carry_text(value)
    text = value.to_s
    text = text.encode("UTF-8") unless text.encoding == Encoding::BINARY # which travels as bytes
    text if text.valid_encoding?
  rescue EncodingError
    nil
  end

  def carry_members(value, path, lax, inside)
    return value.map.with_index { |item, at| carry(item, "#{path}[#{at}]", lax:, inside:) } if value.is_a?(Array)

    kept = value.reject { |_, member| member.is_a?(Proc) || member.is_a?(Method) }
    kept.to_h { |key, member| [key = carry_key(key, path, lax), carry(member, "#{path}.#{key}", lax:, inside:)] }
  end

  def carry_key(key, path, lax)
    return "null" if key.nil?
    return cut(FRAME_BYTES_MAX) { key } if lax || text?(key) || key == true || key == false

    refuse(key, path)
  end

  def text?(value) = value.is_a?(String) || value.is_a?(Symbol) || value.is_a?(Numeric)

  def refuse(value, path)
    raise failure("invalid_value", "#{path}: #{value.class} cannot be carried", { "path" => path })
  end

  # The message in the bytes; nil when it cannot be read. The reader takes some of what PS-3.11 refuses.
  def read(bytes)
    message = MSGPACK.load(bytes)
    message if readable?(message)
  rescue StandardError, NoMemoryError
    nil
  end

  def readable?(value)
    case value
    when String then value.valid_encoding?
    when Array then value.all? { |item| readable?(item) }
    when Hash then value.all? { |key, member| key.to_str.encoding != Encoding::BINARY && readable?([key, member]) }
    else true
    end
  end

  # --- Messages (PS-4) -----------------------------------------------------------------------------------------------

  def pack(message)
    body = MSGPACK.dump(message)
    return [body.bytesize].pack("N") + body if body.bytesize <= @frame_bytes_max

    raise failure("frame_too_large", "#{body.bytesize} bytes, and #{@frame_bytes_max} are allowed")
  end

  # The frame that answers a request: with the error, or with what the block gives or raises.
  def reply(id, error = nil)
    pack(error ? [1, id, error.wire, nil] : [1, id, nil, yield])
  rescue Failure => raised # of an answer that is too large, too
    reply(id, raised)
  end

  def post(frame)
    OUTBOX << frame
  rescue ClosedQueueError
    nil # the process is ending: nobody waits for it
  end

  # --- The context of a handler (PS-8) -------------------------------------------------------------------------------

  # The last argument of a handler.
  Context = Struct.new(:own) do
    include Durable
    include Emits

    %i[trace_id attempt flows].each { |name| define_method(name) { own.params[name] } }

    def logger = Logger.new(own)
    def state = State.new(own)
    def streams = Streams.new(own)
  end

  # Values by group and key that all steps share.
  State = Struct.new(:own) do
    include Pages, Updates

    def get(group, key) = call("get", group:, key:)
    def set(group, key, value) = call("set", group:, key:, value:)
    def delete(group, key) = call("delete", group:, key:)
    def clear(group) = call("clear", group:)
    private def call(name, **given) = own.call("state.#{name}", **given)
  end

  # --- Attempts (PS-7) -----------------------------------------------------------------------------------------------

  # One call of a handler, from `step.run` to its answer.
  class Attempt
    include Logs, Outgoing, Output

    VALUES = %i[data value ops event limit schema retries shared sensitive error notify open timeout replace at topics input verify] # parameters that are values; the others are text (PS-8.3)
    OPTIONAL = %i[id message_group_id cursor limit only id_ttl replace delay at] # left out when they are nil
    attr_reader :params, :threads

    def initialize(id, params)
      @id, @params = id, params
      @threads = ThreadGroup.new # those that user code starts belong to it too
    end

    def start(handler) = threads.add(Thread.new { execute(handler) })

    def execute(handler)
      context = Context.new(self)
      value = params[:type] == "cron" ? handler.call(context) : handler.call(params[:input], context)
      finish(Polystep.reply(@id) { Polystep.carry(value, "result") if params[:type] == "api" || params[:wants_value] })
    rescue Exception => error # user code may raise anything, and leave with `exit`
      finish(Polystep.reply(@id, Polystep.failure_of("step_failed", error)))
    end

    def cancel(reason)
      finish(Polystep.reply(@id, Polystep.failure("cancelled", reason)))
      threads.list.each(&:kill)
    end

    # Answer, unless that was done already.
    def finish(frame)
      end_lines
      LOCK.synchronize { ATTEMPTS.delete(params[:run]) && Polystep.post(frame) }
    end

    # Call the host and wait for its answer.
    def call(method, **given)
      given = given.reject { |name, value| value.nil? && OPTIONAL.include?(name) }
      given = given.to_h { |name, value| [name, parameter(name, value)] }
      answer = Queue.new
      frame = Polystep.pack([0, answer.object_id, method, { run: params[:run], **given }])
      raise Polystep.failure("run_ended", "the run has ended") unless equal?(ATTEMPTS[params[:run]])

      CALLS[answer.object_id] = answer
      Polystep.post(frame)
      error, result = answer.pop
      error.nil? ? result : raise(Failure.new(error))
    end

    private

    def parameter(name, value)
      return Polystep.carry(value, name.to_s) if VALUES.include?(name)
      return Polystep.carry(value.to_s, name.to_s) if Polystep.text?(value)

      raise Polystep.failure("invalid_params", "#{name} is no text")
    end
  end

  # --- Requests of the host (PS-5 to PS-7) ---------------------------------------------------------------------------

  def request(id, method, params)
    params = params.transform_keys(&:to_sym) if params.is_a?(Hash)
    raise failure("invalid_params", "`hello` comes first, and once") if @project.nil? != (method == "hello")

    case [method, params]
    in ["hello", Hash] then hello(id, params)
    in ["step.load", { file: String => file, kind: String }] then Thread.new { post(reply(id) { load_file(file) }) }
    in ["step.run", { run: String, file: String, step: String, type: String, trace_id: String, attempt: Integer }]
      run(id, params)
    in ["drain", Hash] then Thread.new { drain(id) }
    in ["shutdown", Hash]
      post(reply(id) { nil })
      stop(0)
    in ["step.load" | "step.run" | "drain" | "shutdown", _] then raise failure("invalid_params", "unfit for #{method}")
    else raise failure("method_not_found", "there is no method #{cut(100) { method }}")
    end
  rescue Failure => error
    post(reply(id, error))
  end

  def hello(id, params)
    unless /\A1\.\d+\z/ === params[:protocol]
      raise failure("protocol_mismatch", "the runner has 1.0: update what is older", { "protocol" => "1.0" })
    end
    fits = params in { host: Hash, project: String, frame_bytes_max: 1024.., features: Array }
    raise failure("invalid_params", "unfit for hello") unless fits

    @project, @features = params.values_at(:project, :features)
    @frame_bytes_max = [params[:frame_bytes_max], FRAME_BYTES_MAX].min
    post(reply(id) { HELLO })
  end

  # In an object of its own, so that files do not overwrite each other's methods.
  def load_file(file)
    path = "#{@project}/#{file}"
    step = Object.new
    step.instance_eval(File.read(path, encoding: "UTF-8"), path)
    config = step.config.to_hash.to_h { |name, value| [name, config_member(name.to_sym, value)] }
    FILES[file] = step
    Outgoing.watch
    { config: carry(config, "config"), handler: step.respond_to?(:handler) }
  rescue Exception => error # whatever a file does while it is loaded, others can still be
    raise failure_of("load_failed", error)
  end

  # Of what is code, the host gets the number, or that it is there.
  def config_member(name, value) = { middleware: [*value].size, canAccess: true }.fetch(name, value)

  def run(id, params)
    step = FILES[params[:file]]
    raise failure("invalid_params", "#{params[:file]} has no handler, or is not loaded") unless step.respond_to?(:handler)
    raise failure("invalid_params", "there is no type #{params[:type]}") unless %w[api event cron].include?(params[:type])
    raise failure("invalid_params", "the run #{params[:run]} is open") if ATTEMPTS[params[:run]]

    attempt = ATTEMPTS[params[:run]] = Attempt.new(id, params)
    attempt.start(step.method(:handler))
  end

  def cancel(params) = ATTEMPTS[params["run"]]&.cancel(params["reason"].to_s)

  def drain(id)
    sleep(0.01) until LOCK.synchronize { ATTEMPTS.empty? }
    post(reply(id) { nil })
  end

  # --- The channel (PS-2, PS-4) --------------------------------------------------------------------------------------

  # Take a frame; `dropped` is how many of its bytes were beyond the limit.
  def take(bytes, dropped)
    message = read(bytes) if dropped.zero?
    error = failure("frame_too_large", "#{dropped} bytes more than #{@frame_bytes_max}") if dropped.positive?
    error ||= failure("invalid_value", "the message cannot be read") unless message
    case head(bytes)
    in [4, 0, Integer => id] then error ? post(reply(id, error)) : request(*message.drop(1))
    in [4, 1, Integer => id] then CALLS.delete(id)&.push(error ? [error.wire] : message.drop(2))
    in [3, 2, nil] then cancel(message[2]) if message in [_, "cancel", Hash]
    end
  rescue StandardError, NoMemoryError => error # it cannot be attributed (PS-4.4)
    warn("the channel broke: #{error.message}")
    stop(1)
  end

  # How a message begins: size, kind, and the id where there is one (PS-4.5).
  def head(bytes)
    reader = MSGPACK.unpacker.feed(bytes)
    size = reader.read_array_header
    [size, reader.read, size == 4 ? reader.read : nil]
  end

  def serve
    while (size = INPUT.read(4)&.unpack1("N"))
      bytes = INPUT.read([size, @frame_bytes_max].min).to_s
      take(bytes, IO.copy_stream(INPUT, File::NULL, [size - @frame_bytes_max, 0].max))
    end
    stop(0)
  end

  # End the process, whatever user code does.
  def stop(status)
    # Endless loops would keep the writing thread from its turn.
    ATTEMPTS.each_value { |attempt| attempt.threads.list.each(&:kill) }
    OUTBOX.close
    WRITER.join(STOP_S) # it writes what is there, and ends
    exit!(status)
  end

  Isolation.guard
  Output.install
  WRITER = Thread.new { while (frame = OUTBOX.pop) do OUTPUT.write(frame) end }
  # `exit` in a thread of user code would end the main thread.
  Thread.handle_interrupt(SystemExit => :never) { serve }
end

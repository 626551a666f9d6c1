# What user code prints becomes log lines of the run that printed it (PS-8.8). Apache-2.0
module Polystep
  # For an attempt, which has `log` and `threads`.
  module Output
    LINE_CHARS_MAX = 16_384

    # Stand before standard output and standard error.
    def self.install
      [STDOUT, STDERR].each { |io| io.extend(Printed) }
      # Ruby's own warnings go past `write`.
      Warning.singleton_class.prepend(Module.new { def warn(text, **) = $stderr.write(text) })
    end

    # The attempt that the thread is of, if any.
    def self.attempt = ATTEMPTS.values.find { |each| each.threads == Thread.current.group }

    # Lines that the attempt printed. What does not end waits for its end, up to the length of a line.
    def print_lines(level, text)
      LOCK.synchronize do
        *lines, rest = "#{unfinished[level]}#{text}".b.split("\n", -1)
        lines, rest = [*lines, rest], "" if rest.size > LINE_CHARS_MAX
        unfinished[level] = rest
        lines.each { |line| log(level, line.chomp("\r"), {}, "output") }
      end
    end

    # The last line may have no end.
    def end_lines
      unfinished.each { |level, rest| print_lines(level, "\n") unless rest.empty? }
    end

    private

    def unfinished = @unfinished ||= {}

    # A stream whose text belongs to the attempt that the printing thread is of; other text goes to the descriptor.
    module Printed
      def write(*texts)
        attempt = Output.attempt
        return super unless attempt

        attempt.print_lines(fileno == 2 ? "error" : "info", texts.map { |text| text.to_s.b }.join)
        texts.sum { |text| text.to_s.bytesize }
      end
    end
  end
end

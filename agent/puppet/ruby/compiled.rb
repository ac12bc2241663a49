# frozen_string_literal: true

# Ruby files as the programs that Ruby has made of them, in one file, so that not each start parses them anew
# (docs/decisions/0016-compiled-ahead.md). A program counts only as long as its file has the same size and time, and all of them
# only for the very Ruby that made them. Whatever is wrong, the files are read as ever.
require 'zlib'

class CompiledRuby
  FORMAT = 1
  LARGEST_INDEX = 1 << 24 # bytes

  class << self
    # What is made of these files; appears by rename, for its owner alone. Returns the number of programs.
    # @raise SystemCallError
    def write(path, files)
      index = {}
      programs = String.new
      files.each do |file|
        stat = File.stat(file)
        program = RubyVM::InstructionSequence.compile_file(file).to_binary
        index[file] = [stat.mtime.to_i, stat.size, programs.bytesize, program.bytesize, Zlib.crc32(program)]
        programs << program
      rescue SyntaxError, Errno::ENOENT
        next # whoever loads it will hear of it
      end
      replace(path, Marshal.dump([maker, index]), programs)
      index.size
    end

    # Nil where nobody has written it, or not this Ruby, or where others than this process's user may write it.
    def open(path)
      file = File.open(path, 'rb')
      stat = file.stat
      return unless stat.uid == Process.euid && (stat.mode & 0o022).zero?

      length, checksum = file.read(12).unpack('Q>N')
      text = file.read(length) if length <= LARGEST_INDEX
      return unless text && Zlib.crc32(text) == checksum

      written_by, index = Marshal.load(text) # rubocop:disable Security/MarshalLoad: only its owner can have written it
      new(file, index) if written_by == maker
    rescue StandardError
      nil
    end

    private

    def replace(path, index, programs)
      temporary = "#{path}.new"
      File.open(temporary, File::WRONLY | File::CREAT | File::TRUNC | File::NOFOLLOW | File::BINARY, 0o600) do |file|
        file.write([index.bytesize, Zlib.crc32(index)].pack('Q>N'), index, programs)
        file.fsync
      end
      File.rename(temporary, path)
    rescue SystemCallError
      File.delete(temporary) if File.exist?(temporary)
      raise
    end

    # Ruby's version says nothing of how a distribution has built it.
    def maker
      libraries = File.read('/proc/self/maps').scan(%r{/\S*/libruby\S*}).uniq
      parts = [File.realpath('/proc/self/exe'), *libraries].map do |file|
        stat = File.stat(file)
        [file, stat.mtime.to_i, stat.size]
      end
      [FORMAT, RUBY_DESCRIPTION, parts]
    end
  end

  def initialize(file, index)
    @file = file
    @index = index
    @start = file.pos
  end

  # Nil where the file has to be read.
  def program_of(path)
    time, size, offset, length, checksum = @index[path]
    return unless time

    stat = File.stat(path)
    return unless stat.mtime.to_i == time && stat.size == size

    program = @file.pread(length, @start + offset)
    RubyVM::InstructionSequence.load_from_binary(program) if Zlib.crc32(program) == checksum
  rescue SystemCallError, EOFError
    nil
  end
end

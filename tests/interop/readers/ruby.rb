# Reads messages with the mail gem and prints what it sees, one line a thing.
require "digest"
require "mail"

def line(*words)
  $stdout.write(words.map { |word| word.dup.force_encoding("UTF-8") }.join("\t") + "\n")
end

ARGV.each do |path|
  line("message", path)
  message = Mail.read(path)
  message.errors.each { |error| line("defect", error.inspect) }
  line("subject", message.subject)
  %w[from to].each do |field|
    message[field].addrs.each { |one| line(field, one.display_name || "", one.address) }
  end
  parts = message.multipart? ? message.all_parts.reject(&:multipart?) : [message]
  parts.each do |part|
    name = part.filename || ""
    content = part.body.decoded.b
    content = content.gsub("\r\n", "\n").sub(/\n+\z/, "") if name.empty?
    line("part", part.mime_type, name, content.bytesize.to_s, Digest::SHA256.hexdigest(content))
  end
end

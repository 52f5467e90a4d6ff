# Reads messages with the mail gem and prints every entity that it sees, one line each.
require "digest"
require "mail"

def line(*words)
  $stdout.write(words.map { |word| word.to_s.dup.force_encoding("UTF-8") }.join("\t") + "\n")
end

def parameters(part)
  found = part.content_type_parameters || {}
  %w[charset format method type].filter_map { |key| "#{key}=#{found[key].downcase}" if found[key] }.join(";")
end

def entity(part, depth)
  name = part.filename || ""
  disposition = part[:content_disposition]&.disposition_type.to_s
  # The gem gives a description as it was written.
  description = Mail::Encodings.value_decode(part.content_description.to_s)
  facts = [depth, part.mime_type, "*", name, disposition, description, part.content_id.to_s.delete("<>")]
  if part.multipart?
    line("entity", *facts, "-", "-")
    part.parts.each { |child| entity(child, depth + 1) }
    return
  end
  if part.mime_type == "message/rfc822"
    line("entity", *facts, "*", "*")
    return
  end
  content = part.body.decoded.b
  if part.mime_type.start_with?("text/") && name.empty?
    content = content.gsub("\r\n", "\n")
    content = content.sub(/\n+\z/, "") if depth.zero?
  end
  line("entity", *facts, content.bytesize, Digest::SHA256.hexdigest(content))
end

ARGV.each do |path|
  line("message", path)
  message = Mail.read(path)
  message.errors.each { |error| line("defect", error.inspect) }
  line("subject", message.subject)
  line("*")
  entity(message, 0)
end

# Connects to every server of /opt/cases.txt with Net::HTTP.
require "net/http"
File.foreach("/opt/cases.txt") do |line|
  id, host, port = line.split
  begin
    http = Net::HTTP.new(host, port.to_i, nil)
    http.use_ssl = true
    http.open_timeout = 20
    http.start { |h| h.get("/") }
    said = "hello"
  rescue StandardError => e
    said = "#{e.class}: #{e.message}".gsub(/\s+/, " ")
  end
  puts "#{id}\t#{said}"
end

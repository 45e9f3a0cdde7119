#include "tests/harness/nginx.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"

#include "tests/harness/eventually.h"
#include "tests/harness/require.h"
#include "tests/harness/service.h"

namespace waybill::harness {
namespace {

constexpr char kProgram[] = "/usr/sbin/nginx";
constexpr char kMark[] = "/.waybill-mark";
constexpr int kTriesMax = 5;

// $0: its directory, $1: what it shows, $2: port, and more words; $3: more lines.
constexpr char kConfiguration[] = R"(daemon off;
master_process off;
pid $0/nginx.pid;
error_log $0/error.log;
events { worker_connections 256; }
http {
  log_format requests '$$status $$body_bytes_sent $$connection $$request_uri $$http_range';
  access_log $0/access.log requests;
  client_body_temp_path $0/body;
  proxy_temp_path $0/proxy;
  fastcgi_temp_path $0/fastcgi;
  uwsgi_temp_path $0/uwsgi;
  scgi_temp_path $0/scgi;
  server {
    listen 127.0.0.1:$2;
    root $1;
    $3
  }
}
)";

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// Free now; somebody may take it before nginx does, which is then started with another one.
int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  const bool good = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  if (!good) Fail("no free port on the loopback");
  return ntohs(address.sin_port);
}

// Sends `request`, if it is not empty, and waits for the end of the answer.
bool Ask(int port, const std::string& request) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(port);
  bool good = connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  if (good && !request.empty()) {
    good = send(connection, request.data(), request.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request.size());
    char answer[512];
    while (good && recv(connection, answer, sizeof(answer), 0) > 0) {
    }
  }
  close(connection);
  return good;
}

}  // namespace

Nginx::Nginx(Options options) : options_(std::move(options)) {
  if (!std::filesystem::exists(kProgram)) {
    Fail(absl::StrCat(kProgram, " is not there: install Debian's nginx-light"));
  }
  std::filesystem::create_directories(options_.directory);
  for (int i = 0; i < kTriesMax && port_ == 0; ++i) {
    const int port = FreePort();
    Start(port);
    if (Answers(port)) port_ = port;
  }
  if (port_ == 0) Fail(absl::StrCat("nginx does not start:\n", process_->LogTail(20)));
  url_ = absl::StrCat(options_.tls.certificate_file.empty() ? "http" : "https",
                      "://127.0.0.1:", port_);
}

Nginx::~Nginx() = default;

void Nginx::Start(int port) {
  const config::TlsFiles& tls = options_.tls;
  const bool secure = !tls.certificate_file.empty();
  const std::string lines = secure ? absl::StrCat("ssl_certificate ", tls.certificate_file,
                                                  "; ssl_certificate_key ", tls.key_file, ";")
                                   : "";
  const std::string path = options_.directory + "/nginx.conf";
  std::ofstream(path) << absl::Substitute(kConfiguration, options_.directory, options_.root,
                                          absl::StrCat(port, secure ? " ssl" : ""), lines);
  process_ = std::make_unique<Process>(
      Process::Options{.program = kProgram,
                       .arguments = {"-e", options_.directory + "/error.log", "-c", path},
                       .log_path = options_.directory + "/error.log"});
  process_->Start();
}

// Whether it serves; false if it ended, because somebody else took the port.
bool Nginx::Answers(int port) {
  bool answers = false;
  Await("nginx serves", absl::Seconds(20), [&] {
    answers = process_->IsRunning() && Ask(port, "");
    return answers || !process_->IsRunning() ? testing::AssertionSuccess()
                                             : testing::AssertionFailure() << "it does not yet";
  });
  return answers;
}

// It writes a line when the last byte has been sent, so the one who got that may be too early. It
// does one thing after the other: once it answered a further request, all lines before are there.
std::vector<Nginx::Request> Nginx::Requests() {
  if (!Ask(port_, absl::StrCat("GET ", kMark, " HTTP/1.0\r\n\r\n"))) Fail("nginx does not answer");
  std::vector<Request> requests;
  std::ifstream log(LogPath());
  Request request;
  while (log >> request.status >> request.body_bytes >> request.connection >> request.path >>
         request.range) {
    if (request.path != kMark) requests.push_back(request);
  }
  return requests;
}

}  // namespace waybill::harness

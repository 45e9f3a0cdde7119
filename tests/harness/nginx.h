#ifndef WAYBILL_TESTS_HARNESS_NGINX_H_
#define WAYBILL_TESTS_HARNESS_NGINX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/config/tls_files.h"
#include "tests/harness/service.h"

namespace waybill::harness {

/// nginx as a process of its own that shows a directory on a port of the loopback, as a
/// distribution server does with its share. Its configuration and logs are its own, and it is one
/// process, which ends with the test. Throws VerbFailed if nginx is not installed.
class Nginx {
 public:
  struct Options {
    std::string root;           ///< What it shows.
    std::string directory;      ///< For its configuration and logs; made.
    config::TlsFiles tls = {};  ///< With a certificate it serves https.
  };

  explicit Nginx(Options options);
  ~Nginx();

  /// Without a slash at the end.
  const std::string& url() const { return url_; }

  /// One line of its access log.
  struct Request {
    int status = 0;
    std::int64_t body_bytes = 0;
    std::string connection;  ///< Equal for requests over one.
    std::string path;        ///< As it was asked for, escaped.
    std::string range;       ///< "bytes=0-99", or "-" without one.
  };

  /// All that it answered until now. Only of http.
  std::vector<Request> Requests();

  void Kill9() { process_->Kill9(); }

 private:
  void Start(int port);
  bool Answers(int port);
  std::string LogPath() const { return options_.directory + "/access.log"; }

  const Options options_;
  std::string url_;
  int port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_NGINX_H_

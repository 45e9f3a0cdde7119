#ifndef WAYBILL_COMMON_JOBDB_PRIVATE_SERVER_H_
#define WAYBILL_COMMON_JOBDB_PRIVATE_SERVER_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waybill::jobdb {

/// A PostgreSQL server of its own for tests: Unix socket only unless a port is asked for, small,
/// and gone with the process however that ends (a guard process waits for the end of a pipe). The
/// work is done by private_server.sh, which the demonstration uses too.
///
/// Not thread-safe. Errors are INTERNAL with the server's own words.
class PrivateServer {
 public:
  struct Options {
    /// Holds the cluster; kept for the next start if it is given. Empty means a temporary one that
    /// goes away with the object.
    std::string directory = {};

    /// fsync: needed where a test asserts what survives a crash of PostgreSQL itself.
    bool durable = false;

    int port = 0;  // Not 0: listens on 127.0.0.1 too.
    int connections_max = 300;
    int shared_buffers_mib = 32;
  };

  /// Makes the cluster if the directory has none, and starts it (some 0.7 s).
  static absl::StatusOr<std::unique_ptr<PrivateServer>> Start(Options options);

  ~PrivateServer();
  PrivateServer(const PrivateServer&) = delete;
  PrivateServer& operator=(const PrivateServer&) = delete;

  /// Connection string of the database `name`.
  std::string UriOf(absl::string_view name) const;

  /// Does nothing if it is there.
  absl::Status CreateDatabase(absl::string_view name);

  /// Faults. Each may be called in any state, and Start brings the server back with its data.
  absl::Status Stop();   // Ends sessions, writes a checkpoint.
  absl::Status Abort();  // At once: recovery at the next start.
  absl::Status Kill();   // kill -9 of all its processes.
  absl::Status Start();

 private:
  explicit PrivateServer(Options options);

  absl::Status Script(absl::string_view command, const std::vector<std::string>& arguments = {});
  std::vector<std::string> StartArguments() const;

  const Options options_;
  const std::string directory_;
  std::string uri_prefix_;  // Up to and including "dbname=".
  FILE* guard_ = nullptr;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_PRIVATE_SERVER_H_

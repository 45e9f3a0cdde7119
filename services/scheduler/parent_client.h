#ifndef WAYBILL_SERVICES_SCHEDULER_PARENT_CLIENT_H_
#define WAYBILL_SERVICES_SCHEDULER_PARENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/thread/mutex.h"

#include "waybill/status/v1/status_service.grpc.pb.h"

namespace waybill::scheduler {

/// The connection on which a site reports to its parent. One stream at a time, used by one thread;
/// Cancel may come from any.
class ParentClient {
 public:
  /// What the parent said first.
  struct Welcome {
    std::int64_t acknowledged_sequence = 0;
    std::vector<std::string> ancestor_site_codes;
  };

  /// Makes a channel that leads to the parent's Scheduler and checks that it is the parent's.
  using Connect = std::function<std::shared_ptr<grpc::Channel>()>;

  /// Each stream gets a channel of its own. Blocking calls are what drives the handshakes of their
  /// channel, and on one that has failed they return at once, so it would hardly ever recover.
  explicit ParentClient(Connect connect);
  ~ParentClient();
  ParentClient(const ParentClient&) = delete;
  ParentClient& operator=(const ParentClient&) = delete;

  bool IsOpen() const { return stream_ != nullptr; }

  /// Opens a stream and says hello. Errors of ReportStatus.
  absl::StatusOr<Welcome> Open(const std::string& site_code, std::int64_t epoch);

  /// Sends one batch and waits for its acknowledgement: the sequence through which the parent has
  /// committed. Any error closes the stream.
  absl::StatusOr<std::int64_t> Send(const std::vector<status::v1::StatusRecord>& records);

  /// Closes the stream, if it is open.
  void Close();

  /// Ends a call that waits, and makes every later one fail with CANCELLED. For shutting down.
  void Cancel();

 private:
  struct Stream;

  absl::StatusOr<status::v1::ReportStatusResponse> Exchange(
      const status::v1::ReportStatusRequest& request);

  const Connect connect_;
  Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Stream> stream_;  // Written under the mutex, by the one thread that uses it.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_PARENT_CLIENT_H_

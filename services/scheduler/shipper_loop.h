#ifndef WAYBILL_SERVICES_SCHEDULER_SHIPPER_LOOP_H_
#define WAYBILL_SERVICES_SCHEDULER_SHIPPER_LOOP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "services/scheduler/parent_client.h"
#include "services/scheduler/status_store.h"

#include "waybill/status/v1/status_record.pb.h"

namespace waybill::scheduler {

/// Ships the outbox to the parent site.
///
/// wake (change, interval) -> take the lease -> open the stream, if it is not -> number, read, send
/// and forget batches until nothing waits. One process of the site ships at a time; another takes
/// over when the lease ends, and the parent passes over what it has. While the parent is away rows
/// wait in the outbox.
class ShipperLoop {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(10);  ///< Also the longest pause between attempts.
    absl::Duration lease = absl::Seconds(15);
    int batch_max = 1000;
    std::int64_t message_bytes_max = 2 << 20;  ///< The parent takes 4 MiB.
  };

  /// Borrows `store` and `client`. `holder` is unique to the process.
  ShipperLoop(StatusStore& store, ParentClient& client, std::string holder, Options options);

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }
  void Stop();

  /// One pass on the caller's thread: ships until nothing waits. ABORTED if another process ships;
  /// FAILED_PRECONDITION if it took over during the pass.
  absl::Status RunOnce();

 private:
  absl::Status TakeLease();
  absl::Status OpenStream();
  void CutToMessage(std::vector<status::v1::StatusRecord>& records) const;

  StatusStore& store_;
  ParentClient& client_;
  const std::string holder_;
  const Options options_;
  std::int64_t fence_ = 0;
  std::int64_t acknowledged_ = 0;
  Loop loop_;  // Last: stops first.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_SHIPPER_LOOP_H_

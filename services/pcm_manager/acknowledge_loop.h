#ifndef WAYBILL_SERVICES_PCM_MANAGER_ACKNOWLEDGE_LOOP_H_
#define WAYBILL_SERVICES_PCM_MANAGER_ACKNOWLEDGE_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {

/// Records in batches which workstations have which definition file, so that a poll waits for no
/// database. What is not recorded when the process dies is recorded at the workstation's next poll,
/// which says again which file it has. Thread-safe.
class AcknowledgeLoop {
 public:
  /// At most this many workstations wait; further ones are taken at a later poll.
  static constexpr std::size_t kPendingMax = 1'000'000;
  static constexpr int kBatchMax = 5000;

  /// Borrows `store`. A batch waits for at most `interval`. Tests have a smaller `pending_max`.
  AcknowledgeLoop(PcmStore& store, std::function<void(absl::string_view channel)> notify,
                  absl::Duration interval, std::size_t pending_max = kPendingMax);

  void Start() { loop_.Start(); }
  /// What waits is not written any more.
  void Stop() { loop_.Stop(); }

  /// Never blocks. False: too many wait, and this one was not taken.
  bool Add(const std::string& sms_id, std::int64_t offer_version);

  /// Writes what waits.
  absl::StatusOr<absl::Duration> RunOnce();

 private:
  PcmStore& store_;
  const std::function<void(absl::string_view)> notify_;
  const std::size_t pending_max_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::int64_t> pending_ ABSL_GUARDED_BY(mutex_);
  Loop loop_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_ACKNOWLEDGE_LOOP_H_

#ifndef WAYBILL_SERVICES_PCM_MANAGER_LOGON_SERVER_LOOP_H_
#define WAYBILL_SERVICES_PCM_MANAGER_LOGON_SERVER_LOOP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {

/// What the loops of logon servers share. All outlive them.
struct CopyParts {
  const MasterFiles& masters;
  ServedFiles& served;
  PcmStore& store;
  const clock::Clock& clock;
  std::function<void(absl::string_view channel)> notify;
  std::function<double()> random;  ///< In [0, 1).
};

/// Keeps `logon.srv/pcmins.box/<SMS ID>.ins` of one logon server equal to site.srv, on a thread of
/// its own: a server that is slow, full or away holds up no other.
///
///              Enqueue              copied, or a newer one stands
///   (nothing) --------> pending --------------------------------> (nothing)
///                          ^ |  the directory cannot be used: logged once, then retried with
///                          +-+  back-off; once it is back every file is compared
///
/// Every file is compared too at the start, when another directory stands under the name (it was
/// replaced or mounted), and on CompareAll(). Files are derived, so they are written beside and
/// renamed but not synced. A file that is newer than ours is never replaced: its row overtakes it
/// (PcmStore::Overtake).
class LogonServerLoop {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(60);
    clock::BackoffLimits retry = {.base = absl::Seconds(1), .max = absl::Minutes(1)};
  };

  LogonServerLoop(LogonServer server, CopyParts parts, const Options& options);

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  /// `files` changed. Never blocks on files.
  void Enqueue(const std::vector<DefinitionPointer>& files);
  void CompareAll();

  /// One pass; returns after how long the next is due. A pass before the back-off is over does
  /// nothing.
  absl::StatusOr<absl::Duration> RunOnce();

 private:
  using Pending = absl::flat_hash_map<std::string, DefinitionPointer>;

  // Both need only the loop's thread.
  absl::Status CopyPending();
  absl::StatusOr<tree::Directory> OpenBox();

  Pending TakePending();
  void PutBack(Pending pending);
  absl::Status CopyAll(const tree::Directory& box, Pending& pending);
  absl::Status ReportNewer(std::vector<SeenVersion> newer);
  void ReportHealth(const absl::Status& status);

  const LogonServer server_;
  const CopyParts parts_;
  const Options options_;

  Mutex mutex_;
  Pending pending_ ABSL_GUARDED_BY(mutex_);
  bool compare_all_ ABSL_GUARDED_BY(mutex_) = true;

  // Of the loop's thread.
  int failures_ = 0;
  absl::Status health_;
  absl::Duration retry_at_ = absl::ZeroDuration();  // On the monotonic clock.
  std::pair<std::uint64_t, std::uint64_t> box_identity_ = {0, 0};

  Loop loop_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_LOGON_SERVER_LOOP_H_

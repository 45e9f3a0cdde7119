#ifndef WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_LOOP_H_
#define WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_LOOP_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/thread/loop.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/server_crew_loop.h"
#include "services/despooler/temporary_tree_files.h"

namespace waybill::despooler {

/// Wakes whoever listens on a channel of the job database. Does not block.
using Notify = std::function<void(absl::string_view channel)>;

/// Puts versions on the distribution servers of this site.
///
/// wake (NOTIFY, next due time, poll interval, a worker is free) -> claim the due servers of one
/// version -> for each, on a thread of its own:
///
///   the ledger and the disk agree that it stands           -> PRESENT, nothing is copied
///   a directory stands that the ledger does not know       -> verified; adopted if it is good
///   else: the temporary tree, built once for all of them   -> copied beside, published, PRESENT
///
/// A failure is the server's own: the row waits, with the reason, and is tried again alone. Short
/// of space is not a failure: it is looked at steadily, and goes on when there is room. Any number
/// of Despoolers may run one on the same database; one that dies leaves leases that end, a
/// temporary tree and unfinished copies, which are removed at the next start and the next attempt.
class DistributeLoop {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(60);
    clock::BackoffLimits backoff = {.base = absl::Seconds(5), .max = absl::Minutes(15)};
    absl::Duration space_retry_interval = absl::Seconds(5);
    int claims_max = 64;   ///< Servers that share one temporary tree at most.
    int tree_threads = 2;  ///< That decompress.
    ServerCrewLoop::Options crew = {.name = "distribute"};
  };

  /// All are borrowed, and used by workers until Stop returned true.
  struct Parts {
    DistributeStore& store;
    content::ChunkStore& content;
    const clock::Clock& clock;
  };

  DistributeLoop(Parts parts, SiteDrives drives, Notify notify, Options options);
  ~DistributeLoop();

  void Start();
  void Wake() { loop_.Wake(); }

  /// As ServerCrewLoop::Stop: false means that the process must end without destroying this.
  bool Stop(absl::Duration limit);

  /// One pass: begins work on what is due, and returns after how long the next is.
  absl::StatusOr<absl::Duration> RunOnce();

  /// For tests: the workers of the passes.
  ServerCrewLoop& crew() { return crew_; }

 private:
  class Batch;

  absl::Status SweepDrives();
  void Begin(CopyBatch batch);

  const Parts parts_;
  const SiteDrives drives_;
  const Notify notify_;
  const Options options_;
  bool swept_ = false;
  Loop loop_;
  ServerCrewLoop crew_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_DISTRIBUTE_LOOP_H_

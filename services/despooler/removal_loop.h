#ifndef WAYBILL_SERVICES_DESPOOLER_REMOVAL_LOOP_H_
#define WAYBILL_SERVICES_DESPOOLER_REMOVAL_LOOP_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/thread/loop.h"
#include "services/despooler/distribute_loop.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/removal_store.h"
#include "services/despooler/server_crew_loop.h"

namespace waybill::despooler {

/// Removes packages: every copy on this site's servers, with proof, then the compressed package.
///
/// wake -> claim due rows of remove jobs -> for each server, on a thread of its own: remove each
/// copy that the ledger knows and that no later job put there, look that it is gone; where a copy
/// may stand that the ledger does not know, look at every share; then out of the ledger, REMOVED.
///
/// When a job has no open server here: at the site where the package was made, whose compressed
/// package stays by rule, that is all. Elsewhere the versions leave the database first, and the job
/// says what it waits for while a transfer keeps one. Then the job is told.
///
/// What left the database leaves the store by itself: its manifests, and the packs in which nothing
/// is live. Whether that is still to do is a row of the database, so it outlives this process, and
/// no job waits for it: a manifest that cannot be read stops all collecting, since nothing may be
/// called dead then, but no removal.
///
/// A copy is removed whether or not a workstation runs a command from it. Each step may be the last
/// before a crash; the next pass finds what is left. Any number of these may run.
class RemovalLoop {
 public:
  struct Options {
    std::string site_code;
    absl::Duration poll_interval = absl::Seconds(60);
    clock::BackoffLimits backoff = {.base = absl::Seconds(5), .max = absl::Minutes(15)};
    /// While a transfer keeps a version, or an import any chunk.
    absl::Duration wait_interval = absl::Seconds(5);
    absl::Duration collect_retry_interval = absl::Minutes(1);  ///< Behind an error.
    absl::Duration collect_lease = absl::Minutes(10);
    absl::Duration collect_step = absl::Seconds(2);  ///< For which imports and commits may wait.
    int claims_max = 64;
    ServerCrewLoop::Options crew = {.name = "remove", .threads_max = 4};
  };

  /// Borrowed, and used by workers until Stop returned true.
  struct Parts {
    DistributeStore& servers;
    RemovalStore& store;
    content::ChunkStore& content;
    const clock::Clock& clock;
  };

  RemovalLoop(Parts parts, Notify notify, Options options);
  ~RemovalLoop();

  void Start();
  void Wake() { loop_.Wake(); }

  /// As ServerCrewLoop::Stop.
  bool Stop(absl::Duration limit);

  /// One pass: begins removals that are due, finishes jobs whose servers are done; returns after
  /// how long the next is.
  absl::StatusOr<absl::Duration> RunOnce();

  /// Removes manifests and packs that nothing needs. Returns false, for later, while an import is
  /// under way that may rely on any chunk. CANCELLED if the loop stops.
  absl::StatusOr<bool> Collect();

  /// For tests: the workers of the passes.
  ServerCrewLoop& crew() { return crew_; }

 private:
  void Begin(const RemovalClaim& removal);
  void Serve(const RemovalClaim& removal, ServerTask& task);
  absl::Status RemoveCopies(const RemovalClaim& removal, const std::vector<LedgerCopy>& copies,
                            ServerTask& task) const;
  absl::Status RemoveCopy(const RemovalClaim& removal, const LedgerCopy& copy,
                          ServerTask& task) const;
  absl::Status SweepShares(const RemovalClaim& removal, const std::vector<LedgerCopy>& copies,
                           ServerTask& task) const;
  std::function<bool()> LostOf(ServerTask& task) const;
  void RetryLater(const ServerClaim& claim, const absl::Status& why);
  absl::StatusOr<absl::Duration> CollectIfDue();
  absl::StatusOr<bool> ClearSites();
  absl::StatusOr<bool> ClearSite(const SiteRemoval& removal);
  void NotifyEnded() const;

  const Parts parts_;
  const Notify notify_;
  const Options options_;
  const std::string holder_;  // Of the collection.
  Loop loop_;
  ServerCrewLoop crew_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_REMOVAL_LOOP_H_

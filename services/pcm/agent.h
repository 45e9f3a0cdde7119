#ifndef WAYBILL_SERVICES_PCM_AGENT_H_
#define WAYBILL_SERVICES_PCM_AGENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/model/definition_file.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/pcm/history.h"
#include "services/pcm/offer_rules.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"

namespace waybill::pcm {

/// What an agent stands on. All outlive it.
struct AgentParts {
  SiteClient& site;
  PackageCache& cache;
  const clock::Clock& clock;
  std::function<double()> random;  ///< In [0, 1).
  /// For crash tests: called with the name of each step of a run once it is done; an error ends the
  /// run there, as if the process had died. Names are those in agent.cc.
  std::function<absl::Status(absl::string_view step)> fault = nullptr;
};

struct AgentOptions {
  std::string sms_id;
  std::set<std::string> accepted_job_ids = {};
  bool accepts_all = false;
  std::string home_directory = "/";
  absl::Duration drain_max = absl::Seconds(10);  ///< How long a stop waits for a command.
  /// How long the servers of an offer are tried before it counts as not started, and the waits
  /// between. All are tried at least once; a try that has begun is not cut short.
  absl::Duration fetch_wait_max = absl::Minutes(10);
  clock::BackoffLimits fetch_retry = {.base = absl::Seconds(2), .max = absl::Minutes(2)};
  clock::BackoffLimits site_retry = {.base = absl::Seconds(1), .max = absl::Minutes(5)};
  bool keeps_cache = false;  ///< Does not remove versions that are no longer offered.
};

/// One workstation: what it is offered, what it runs, what it reports. At most one for a state
/// directory, which holds
///
///     lock                   held while the agent lives
///     definition.ins         the last definition file
///     last_server            the distribution server that was used last
///     history/<job id>.run   see History
///
/// A run, with what is on the disk behind it:
///
///     requested -> StartRun -> fetch -> StartRun again -> started -> command -> finished -> report
///
/// Polls go on while a command runs: Poll() and ListOffers() from one thread; Settle(), Run() and
/// RunDue() from another. Stop() from any.
class Agent {
 public:
  /// FAILED_PRECONDITION if another agent uses the directory.
  static absl::StatusOr<std::unique_ptr<Agent>> Open(tree::Directory state, AgentParts parts,
                                                     AgentOptions options);

  const std::string& sms_id() const { return options_.sms_id; }

  /// Asks the site for what is new, and tells it when that has come. Returns when to ask again.
  absl::StatusOr<absl::Duration> Poll();

  /// What is shown now, mandatory ones first.
  std::vector<model::Offer> ListOffers() const;

  /// The site's clock, as far as known.
  absl::Time ServerNow() const;

  /// Reports what the site does not know yet: results, and runs whose end nobody saw. OK if nothing
  /// is left. Call it before the first run.
  absl::Status Settle();

  /// Runs what is due, one after the other, until nothing is. Returns the records of those that
  /// ended (kDropped for refused ones), and OK unless the site could not be reached.
  struct Ended {
    model::Offer offer;
    RunRecord record;
  };
  absl::Status RunDue(const std::function<void(const Ended&)>& ended);

  /// Whether something is to be run, or reported, now; and how long until the clock alone makes it
  /// so.
  bool HasWork() const;
  absl::Duration UntilChange() const;

  /// From now on nothing is started, fetches end, and a command gets drain_max.
  void Stop();

 private:
  Agent(tree::Directory state, tree::File lock, std::unique_ptr<History> history, AgentParts parts,
        AgentOptions options);

  void LoadDefinition();
  std::vector<OfferFacts> Facts() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time ServerNowLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<model::Offer> NextDue() const;

  // The steps of a run; an error ends it for now.
  absl::Status Run(const model::Offer& offer, RunRecord& record);
  absl::Status Request(const model::Offer& offer, RunRecord& record);
  absl::StatusOr<PackageCache::Package> Fetch(const model::Offer& offer);
  absl::Status AskAgain(RunRecord& record, bool must_answer);
  absl::Status RunFetched(const model::Offer& offer, const tree::Directory& root,
                          RunRecord& record);
  absl::Status Report(RunRecord& record);
  absl::Status PutStep(RunRecord& record, RunStep step);
  absl::Status Fault(absl::string_view step) const;

  void PutOff(const std::string& job_id);
  absl::Status TidyCache();
  bool IsStopping() const;
  bool IsDrained() const;
  bool Pause(absl::Duration limit);  // False once stopping.

  const tree::Directory state_;
  const tree::File lock_;
  const std::unique_ptr<History> history_;
  const AgentParts parts_;
  const AgentOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;
  model::DefinitionFile definition_ ABSL_GUARDED_BY(mutex_);
  // The site's clock at a moment of the monotonic one, once it has said it.
  std::optional<std::pair<absl::Time, absl::Duration>> server_time_ ABSL_GUARDED_BY(mutex_);
  // Of offers of the definition only.
  std::map<std::string, std::pair<int, absl::Time>> put_off_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Duration> stop_at_ ABSL_GUARDED_BY(mutex_);  // Monotonic: commands end.
  std::string last_server_;                                        // Of the running thread.
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_AGENT_H_

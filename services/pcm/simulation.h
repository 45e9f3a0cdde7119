#ifndef WAYBILL_SERVICES_PCM_SIMULATION_H_
#define WAYBILL_SERVICES_PCM_SIMULATION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/clock/clock.h"
#include "common/rpc/tls.h"
#include "common/thread/executor.h"
#include "common/thread/mutex.h"
#include "services/pcm/agent.h"
#include "services/pcm/config.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"

namespace waybill::pcm {

/// Many workstations in one process: each with its own identity, connection, state directory and
/// history, on a few threads. Packages are fetched once into a cache that all share, verified once,
/// and a few commands run at once; so it is as many clients for the site, not as many disks.
class Simulation {
 public:
  /// Of the first `config.simulate` identities by name. NOT_FOUND if there are fewer; and errors of
  /// certificates and state directories.
  static absl::StatusOr<std::unique_ptr<Simulation>> Open(const Config& config,
                                                          std::function<double()> random);
  ~Simulation();

  /// Polls and runs until Stop(), from another thread.
  void Run();
  void Stop();

  std::int64_t polls() const { return polls_; }
  std::int64_t runs() const { return runs_; }

 private:
  struct Workstation {
    std::unique_ptr<rpc::TlsIdentity> tls;
    std::unique_ptr<SiteClient> site;
    std::unique_ptr<Agent> agent;
    int failures = 0;  // Of the task that polls; there is one at a time.
    std::atomic<bool> is_running = false;
  };
  using Due = std::pair<absl::Duration, Workstation*>;  // On the monotonic clock.

  Simulation(const Config& config, PackageCache::Options cache_options, tree::Directory cache,
             std::function<double()> random);

  absl::Status Add(const Config& config, const std::string& sms_id);
  Workstation* AwaitDue();
  void Schedule(Workstation* workstation, absl::Duration wait);
  void Poll(Workstation* workstation);
  void StartRuns(Workstation* workstation);
  void ReportSometimes();

  const clock::RealClock clock_;
  const clock::BackoffLimits site_retry_;
  const std::function<double()> random_;
  PackageCache cache_;
  std::vector<std::unique_ptr<Workstation>> workstations_;
  std::atomic<std::int64_t> polls_ = 0;
  std::atomic<std::int64_t> failed_polls_ = 0;
  std::atomic<std::int64_t> runs_ = 0;
  absl::Duration reported_at_ = absl::ZeroDuration();

  Mutex mutex_;
  CondVar changed_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Executor running_;
  Executor polling_;  // Ends before what it hands runs to.
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_SIMULATION_H_

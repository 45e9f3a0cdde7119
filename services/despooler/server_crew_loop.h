#ifndef WAYBILL_SERVICES_DESPOOLER_SERVER_CREW_LOOP_H_
#define WAYBILL_SERVICES_DESPOOLER_SERVER_CREW_LOOP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/thread/loop.h"
#include "services/despooler/distribute_store.h"

namespace waybill::despooler {

/// A claimed server under work, as its worker sees it. Thread-safe.
class ServerTask {
 public:
  ServerTask(ServerClaim the_claim, absl::Duration now)
      : claim(std::move(the_claim)), touched_(absl::ToInt64Milliseconds(now)) {}

  const ServerClaim claim;

  /// Whether to stop: the job was cancelled, the lease was lost, the task was given up or the
  /// process ends. Then nothing of it may have an effect any more. Cheap.
  bool IsLost() const { return lost_.load(std::memory_order_relaxed); }
  void Lose() { lost_.store(true, std::memory_order_relaxed); }

  /// Says that work goes on: whoever does not for long is taken for stuck. Cheap.
  void Touch(absl::Duration now) { touched_.store(absl::ToInt64Milliseconds(now)); }
  absl::Duration touched() const { return absl::Milliseconds(touched_.load()); }

 private:
  std::atomic<bool> lost_{false};
  std::atomic<std::int64_t> touched_;
};

/// Ends the lease of a claim whose row somebody else has ended, so that the server is given to the
/// next at once; wakes `notify` for it. A failure is logged: the lease ends by itself.
void LetGo(DistributeStore& store, const ServerClaim& claim,
           const std::function<void(absl::string_view channel)>& notify);

/// Works on claimed servers, several at once, and keeps their leases alive meanwhile.
///
/// Each claim's work runs on a thread of its own, at most `threads_max` at once; the others wait in
/// order. The leases of all are renewed, and every `check_interval` it is looked whether they are
/// still wanted: that is how soon a cancel or a lost lease reaches a worker. A claim whose lease
/// could not be renewed in time is lost without asking.
///
/// A worker that shows no sign of life for `stall_max` hangs in a dead mount: it is abandoned. Its
/// claim is lost and handed to `stalled`, its place goes to the next, and whatever it still does
/// has no effect. Such a thread is never joined; see Stop.
///
/// Thread-safe. `store` and `clock` are borrowed.
class ServerCrewLoop {
 public:
  struct Options {
    std::string name = "servers";  ///< For logs.
    int threads_max = 8;
    absl::Duration lease = absl::Seconds(15);
    absl::Duration check_interval = absl::Milliseconds(500);
    absl::Duration stall_max = absl::Minutes(10);
  };
  using Work = std::function<void(ServerTask&)>;
  using Stalled = std::function<void(const ServerClaim&)>;

  /// `idle` is called, from a worker, whenever a task has ended: there is room again.
  ServerCrewLoop(DistributeStore& store, const clock::Clock& clock, Options options,
                 std::function<void()> idle);

  /// Stops, and waits for every worker, stuck ones too: call Stop first and look at its result.
  ~ServerCrewLoop();

  ServerCrewLoop(const ServerCrewLoop&) = delete;
  ServerCrewLoop& operator=(const ServerCrewLoop&) = delete;

  /// Starts the thread that renews.
  void Start();

  /// Whether a batch would be begun at once: no claim waits and a thread is free.
  bool HasRoom() const;

  /// Takes over `claims`. `work` is shared by all of them, and let go with the last; it ends each
  /// claim's row itself.
  void Submit(const std::vector<ServerClaim>& claims, Work work, Stalled stalled);

  /// Renews and checks once; tests call it instead of Start.
  absl::Status RunOnce();

  /// Waits, at most `limit`, until nothing waits or runs but abandoned workers.
  bool WaitIdle(absl::Duration limit);

  /// Loses all claims, then waits at most `limit` for the workers. Returns whether all have ended,
  /// abandoned ones included. If not, threads still use what the crew borrowed: the process must
  /// end without destroying it (std::_Exit).
  bool Stop(absl::Duration limit);

  /// Workers that were abandoned and have not come back.
  int abandoned() const;

 private:
  struct Job;
  struct State;

  static void Run(const std::shared_ptr<State>& state, const std::shared_ptr<Job>& job);
  bool WaitUntilEnded(absl::Duration limit, bool abandoned_too);
  void StartWorkers();
  std::vector<std::shared_ptr<Job>> Held() const;
  void AbandonStalled();
  absl::Status KeepHeld();

  DistributeStore& store_;
  const clock::Clock& clock_;
  const Options options_;
  const std::shared_ptr<State> state_;
  Loop loop_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_SERVER_CREW_LOOP_H_

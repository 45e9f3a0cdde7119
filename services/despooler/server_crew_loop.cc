#include "services/despooler/server_crew_loop.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/status/status_macros.h"
#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "services/despooler/distribute_store.h"

namespace waybill::despooler {
namespace {

prometheus::Gauge& StuckGauge() {
  static metrics::GaugeFamily& family = *new metrics::GaugeFamily(
      "waybill_despooler_stuck_workers", "Workers that hang on a server and were abandoned.");
  return family.With();
}

}  // namespace

void LetGo(DistributeStore& store, const ServerClaim& claim,
           const std::function<void(absl::string_view channel)>& notify) {
  const absl::Status status = store.LetGo(claim);
  if (!status.ok()) {
    log::Warning("a lease is left to end by itself",
                 {{"job_id", claim.job_id}, {"server_name", claim.server_name}, {"error", status}});
    return;
  }
  notify(model::kDistributeChannel);
}

// One claim from Submit until its worker returns.
struct ServerCrewLoop::Job {
  Job(ServerClaim claim, absl::Duration now, std::shared_ptr<const Work> the_work,
      std::shared_ptr<const Stalled> the_stalled)
      : task(std::move(claim), now),
        work(std::move(the_work)),
        stalled(std::move(the_stalled)),
        renewed(now) {}

  ServerTask task;
  std::shared_ptr<const Work> work;
  const std::shared_ptr<const Stalled> stalled;
  bool running = false;  // These: guarded by State's mutex.
  bool abandoned = false;
  absl::Duration renewed = absl::InfiniteDuration();  // When the lease was last known to be good.
};

// Shared with the workers, of which an abandoned one may outlive the crew.
struct ServerCrewLoop::State {
  Mutex mutex;
  CondVar changed;
  std::deque<std::shared_ptr<Job>> waiting ABSL_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<Job>> running ABSL_GUARDED_BY(mutex);  // Without abandoned ones.
  int abandoned ABSL_GUARDED_BY(mutex) = 0;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  int threads_max = 0;
  const clock::Clock* clock = nullptr;
  std::function<void()> idle;
};

ServerCrewLoop::ServerCrewLoop(DistributeStore& store, const clock::Clock& clock, Options options,
                               std::function<void()> idle)
    : store_(store),
      clock_(clock),
      options_(std::move(options)),
      state_(std::make_shared<State>()),
      loop_(options_.name + " leases", absl::Hours(1), [this]() -> absl::StatusOr<absl::Duration> {
        const absl::Status status = RunOnce();
        if (!status.ok()) {
          log::Warning("cannot renew leases", {{"error", status}});
        }
        return Held().empty() ? absl::InfiniteDuration() : options_.check_interval;
      }) {
  state_->threads_max = options_.threads_max;
  state_->clock = &clock_;
  state_->idle = std::move(idle);
}

ServerCrewLoop::~ServerCrewLoop() {
  while (!Stop(absl::Hours(1))) {
  }
}

void ServerCrewLoop::Start() {
  loop_.Start();
}

bool ServerCrewLoop::HasRoom() const {
  const MutexLock lock(state_->mutex);
  return state_->waiting.empty() && !state_->stopping &&
         state_->running.size() < static_cast<std::size_t>(state_->threads_max);
}

void ServerCrewLoop::Submit(const std::vector<ServerClaim>& claims, Work work, Stalled stalled) {
  const auto shared_work = std::make_shared<const Work>(std::move(work));
  const auto shared_stalled = std::make_shared<const Stalled>(std::move(stalled));
  const absl::Duration now = clock_.Monotonic();
  {
    const MutexLock lock(state_->mutex);
    for (const ServerClaim& claim : claims) {
      if (!state_->stopping) {  // Else its lease ends by itself.
        state_->waiting.push_back(std::make_shared<Job>(claim, now, shared_work, shared_stalled));
      }
    }
  }
  StartWorkers();
  loop_.Wake();
}

void ServerCrewLoop::StartWorkers() {
  const MutexLock lock(state_->mutex);
  while (!state_->waiting.empty() &&
         state_->running.size() < static_cast<std::size_t>(state_->threads_max)) {
    std::shared_ptr<Job> job = std::move(state_->waiting.front());
    state_->waiting.pop_front();
    job->task.Touch(clock_.Monotonic());
    state_->running.push_back(job);
    // Detached: a thread that hangs in the kernel can be neither stopped nor joined.
    std::thread([state = state_, job = std::move(job)] { Run(state, job); }).detach();
  }
}

void ServerCrewLoop::Run(const std::shared_ptr<State>& state, const std::shared_ptr<Job>& first) {
  std::shared_ptr<Job> job = first;
  while (job != nullptr) {
    (*job->work)(job->task);
    job->work.reset();  // What the batch shares is let go of before anybody is told.
    const MutexLock lock(state->mutex);
    if (job->abandoned) {
      --state->abandoned;
      StuckGauge().Decrement();
      state->changed.NotifyAll();
      return;  // Its place is taken.
    }
    std::erase(state->running, job);
    job.reset();
    if (!state->waiting.empty()) {
      job = std::move(state->waiting.front());
      state->waiting.pop_front();
      job->task.Touch(state->clock->Monotonic());
      state->running.push_back(job);
    }
    if (!state->stopping) {
      state->idle();
    }
    state->changed.NotifyAll();
  }
}

std::vector<std::shared_ptr<ServerCrewLoop::Job>> ServerCrewLoop::Held() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::shared_ptr<Job>> held(state_->waiting.begin(), state_->waiting.end());
  held.insert(held.end(), state_->running.begin(), state_->running.end());
  return held;
}

absl::Status ServerCrewLoop::RunOnce() {
  AbandonStalled();
  return KeepHeld();
}

void ServerCrewLoop::AbandonStalled() {
  const absl::Duration now = clock_.Monotonic();
  std::vector<std::shared_ptr<Job>> stalled;
  {
    const MutexLock lock(state_->mutex);
    for (const std::shared_ptr<Job>& job : state_->running) {
      if (now - job->task.touched() >= options_.stall_max) {
        stalled.push_back(job);
      }
    }
    for (const std::shared_ptr<Job>& job : stalled) {
      job->task.Lose();
      job->abandoned = true;
      ++state_->abandoned;
      StuckGauge().Increment();
      std::erase(state_->running, job);
    }
  }
  for (const std::shared_ptr<Job>& job : stalled) {
    (*job->stalled)(job->task.claim);
  }
  if (!stalled.empty()) {
    StartWorkers();
  }
}

// Asks at every interval; writes only when a third of the lease is over, since every write of the
// row is reported to the parent site.
absl::Status ServerCrewLoop::KeepHeld() {
  const std::vector<std::shared_ptr<Job>> held = Held();
  if (held.empty()) {
    return absl::OkStatus();
  }
  const absl::Duration now = clock_.Monotonic();
  std::vector<ServerClaim> claims;
  bool renew = false;
  for (const std::shared_ptr<Job>& job : held) {
    claims.push_back(job->task.claim);
    renew = renew || now - job->renewed >= options_.lease / 3;
  }
  const absl::StatusOr<std::vector<bool>> kept =
      renew ? store_.Keep(claims, options_.lease) : store_.Check(claims);
  for (std::size_t i = 0; i < held.size(); ++i) {
    const bool good =
        kept.ok() ? static_cast<bool>((*kept)[i]) : now - held[i]->renewed < options_.lease * 2 / 3;
    if (!good) {
      held[i]->task.Lose();
    }
    if (kept.ok() && renew) {
      held[i]->renewed = now;
    }
  }
  return kept.status();
}

bool ServerCrewLoop::WaitIdle(absl::Duration limit) {
  return WaitUntilEnded(limit, /*abandoned_too=*/false);
}

// The limit is of real time, whatever the clock says that judges workers.
bool ServerCrewLoop::WaitUntilEnded(absl::Duration limit, bool abandoned_too) {
  const clock::RealClock real_clock;
  const absl::Duration end = real_clock.Monotonic() + limit;
  const MutexLock lock(state_->mutex);
  while (!state_->waiting.empty() || !state_->running.empty() ||
         (abandoned_too && state_->abandoned > 0)) {
    const absl::Duration left = end - real_clock.Monotonic();
    if (left <= absl::ZeroDuration()) {
      return false;
    }
    state_->changed.WaitFor(state_->mutex, left);
  }
  return true;
}

bool ServerCrewLoop::Stop(absl::Duration limit) {
  std::deque<std::shared_ptr<Job>> dropped;  // Let go of without the lock: trees are removed.
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->waiting);  // Their leases end by themselves.
    for (const std::shared_ptr<Job>& job : state_->running) {
      job->task.Lose();
    }
  }
  dropped.clear();
  loop_.Stop();
  return WaitUntilEnded(limit, /*abandoned_too=*/true);
}

int ServerCrewLoop::abandoned() const {
  const MutexLock lock(state_->mutex);
  return state_->abandoned;
}

}  // namespace waybill::despooler

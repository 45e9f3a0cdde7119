#include "services/pcm/simulation.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/logging/log.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/pcm/agent.h"
#include "services/pcm/config.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"
#include "services/pcm/workstation_loop.h"

namespace waybill::pcm {
namespace {

constexpr absl::Duration kReportInterval = absl::Seconds(10);

absl::StatusOr<std::vector<std::string>> ListIdentities(const std::string& directory) {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory identities, tree::Directory::Open(directory));
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, identities.List());
  std::vector<std::string> names;
  for (const tree::Entry& entry : entries) {
    const std::string name(absl::StripSuffix(entry.name, ".pem"));
    if (name != entry.name) names.push_back(name);
  }
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Simulation>> Simulation::Open(const Config& config,
                                                             std::function<double()> random) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> identities,
                           ListIdentities(config.identities_directory));
  const auto count = static_cast<std::size_t>(config.simulate);
  if (identities.size() < count) {
    return absl::NotFoundError(absl::StrCat("--identities: ", config.identities_directory, " has ",
                                            identities.size(), " certificates, ", count,
                                            " are needed"));
  }
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory cache, tree::Directory::Create(config.cache_directory));
  std::unique_ptr<Simulation> simulation(
      new Simulation(config, {.trusts_verified = true, .http = {.ca_file = config.tls.ca_file}},
                     std::move(cache), std::move(random)));
  for (std::size_t i = 0; i < count; ++i) {
    WAYBILL_RETURN_IF_ERROR(simulation->Add(config, identities[i]));
  }
  return simulation;
}

Simulation::Simulation(const Config& config, PackageCache::Options cache_options,
                       tree::Directory cache, std::function<double()> random)
    : site_retry_(SiteRetry(config.poll_interval)),
      random_(std::move(random)),
      cache_(std::move(cache), cache_options),
      running_(config.runs_max, std::max(config.runs_max, config.simulate)),
      polling_(config.poll_threads, std::max(config.poll_threads, config.simulate)) {}

Simulation::~Simulation() {
  Stop();
}

absl::Status Simulation::Add(const Config& config, const std::string& sms_id) {
  auto workstation = std::make_unique<Workstation>();
  config::TlsFiles files = config.tls;
  files.certificate_file = absl::StrCat(config.identities_directory, "/", sms_id, ".pem");
  files.key_file = absl::StrCat(config.identities_directory, "/", sms_id, ".key");
  WAYBILL_ASSIGN_OR_RETURN(workstation->tls, rpc::TlsIdentity::Load(files));
  const rpc::Identity& identity = workstation->tls->identity();
  workstation->site = MakeSiteClient(config.server, identity.site_code, *workstation->tls);
  const std::string state_directory = absl::StrCat(config.state_directory, "/", sms_id);
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory state, tree::Directory::Create(state_directory));
  AgentOptions options;
  options.sms_id = identity.name;
  options.accepted_job_ids = {config.accepted_job_ids.begin(), config.accepted_job_ids.end()};
  options.accepts_all = config.accepts_all;
  options.home_directory = state_directory;
  options.drain_max = config.drain_max;
  options.fetch_wait_max = config.fetch_wait_max;
  options.site_retry = site_retry_;
  options.keeps_cache = true;  // The others may need it.
  WAYBILL_ASSIGN_OR_RETURN(
      workstation->agent,
      Agent::Open(std::move(state),
                  {.site = *workstation->site, .cache = cache_, .clock = clock_, .random = random_},
                  std::move(options)));
  workstations_.push_back(std::move(workstation));
  return absl::OkStatus();
}

void Simulation::Run() {
  // Spread over a second: as many connections at once would only measure the handshakes' queue.
  for (const auto& workstation : workstations_) {
    Schedule(workstation.get(), absl::Seconds(random_()));
  }
  while (Workstation* workstation = AwaitDue()) {
    // There is one poll of each workstation at a time, so there is room for all.
    if (!polling_.TrySubmit([this, workstation] { Poll(workstation); })) break;
    ReportSometimes();
  }
}

void Simulation::Stop() {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    changed_.NotifyAll();
  }
  for (const auto& workstation : workstations_) {
    workstation->agent->Stop();
  }
  polling_.Drain();
  running_.Drain();
}

Simulation::Workstation* Simulation::AwaitDue() {
  const MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration now = clock_.Monotonic();
    if (!due_.empty() && due_.top().first <= now) {
      Workstation* workstation = due_.top().second;
      due_.pop();
      return workstation;
    }
    changed_.WaitFor(mutex_, due_.empty() ? absl::InfiniteDuration() : due_.top().first - now);
  }
  return nullptr;
}

void Simulation::Schedule(Workstation* workstation, absl::Duration wait) {
  const MutexLock lock(mutex_);
  due_.emplace(clock_.Monotonic() + wait, workstation);
  changed_.NotifyAll();
}

void Simulation::Poll(Workstation* workstation) {
  const absl::StatusOr<absl::Duration> next = workstation->agent->Poll();
  ++polls_;
  if (!next.ok()) {
    ++failed_polls_;
    Schedule(workstation, clock::BackoffDelay(site_retry_, ++workstation->failures, random_()));
    return;
  }
  workstation->failures = 0;
  StartRuns(workstation);
  Schedule(workstation, std::min(*next, workstation->agent->UntilChange()));
}

void Simulation::StartRuns(Workstation* workstation) {
  if (!workstation->agent->HasWork() || workstation->is_running.exchange(true)) return;
  const bool accepted = running_.TrySubmit([this, workstation] {
    const absl::Status status =
        workstation->agent->RunDue([this](const Agent::Ended& /*ended*/) { ++runs_; });
    if (!status.ok()) {
      log::Debug("runs wait", {{"sms_id", workstation->agent->sms_id()}, {"error", status}});
    }
    workstation->is_running = false;
  });
  if (!accepted) workstation->is_running = false;  // It stops.
}

void Simulation::ReportSometimes() {
  const absl::Duration now = clock_.Monotonic();
  if (now - reported_at_ < kReportInterval) return;
  reported_at_ = now;
  log::Info("simulated", {{"workstations", workstations_.size()},
                          {"polls", polls_.load()},
                          {"failed_polls", failed_polls_.load()},
                          {"runs", runs_.load()}});
}

}  // namespace waybill::pcm

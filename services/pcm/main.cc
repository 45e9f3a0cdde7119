// The Package Command Manager of a workstation: settings -> objects -> ask, show, run, report.

#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sys/resource.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/logging/log.h"
#include "common/random/random_fraction.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "common/thread/stop_signals.h"
#include "common/tree/directory.h"
#include "services/pcm/agent.h"
#include "services/pcm/config.h"
#include "services/pcm/offer_table.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/simulation.h"
#include "services/pcm/site_client.h"
#include "services/pcm/workstation_loop.h"

namespace waybill::pcm {
namespace {

// What the certificate says, unless --site and --sms-id say something else, which would be refused.
absl::StatusOr<rpc::Identity> CheckIdentity(const rpc::TlsIdentity& tls, const Config& config) {
  const rpc::Identity& identity = tls.identity();
  rpc::Identity expected = identity;
  expected.role = rpc::Role::kWorkstation;
  if (!config.site_code.empty()) expected.site_code = config.site_code;
  if (!config.sms_id.empty()) expected.name = config.sms_id;
  if (identity == expected) return identity;
  return absl::FailedPreconditionError(absl::StrCat("tls-certificate-file: the certificate is of ",
                                                    rpc::ToUri(identity), ", expected ",
                                                    rpc::ToUri(expected)));
}

/// A workstation and what it stands on.
struct Workstation {
  std::unique_ptr<rpc::TlsIdentity> tls;
  std::unique_ptr<SiteClient> site;
  std::unique_ptr<PackageCache> cache;
  std::unique_ptr<Agent> agent;
};

absl::StatusOr<Workstation> OpenWorkstation(const Config& config, const clock::Clock& clock) {
  Workstation workstation;
  WAYBILL_ASSIGN_OR_RETURN(workstation.tls, rpc::TlsIdentity::Load(config.tls));
  WAYBILL_ASSIGN_OR_RETURN(const rpc::Identity identity, CheckIdentity(*workstation.tls, config));
  workstation.site = MakeSiteClient(config.server, identity.site_code, *workstation.tls);
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory state, tree::Directory::Create(config.state_directory));
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory cache, tree::Directory::Create(config.cache_directory));
  // Nobody else may change what was verified between then and the run.
  WAYBILL_RETURN_IF_ERROR(cache.SetMode(0700));
  workstation.cache = std::make_unique<PackageCache>(
      std::move(cache), PackageCache::Options{.http = {.ca_file = config.tls.ca_file}});
  AgentOptions options;
  options.sms_id = identity.name;
  options.accepted_job_ids = {config.accepted_job_ids.begin(), config.accepted_job_ids.end()};
  options.accepts_all = config.accepts_all;
  options.home_directory = config.state_directory;
  options.drain_max = config.drain_max;
  options.fetch_wait_max = config.fetch_wait_max;
  options.site_retry = SiteRetry(config.poll_interval);
  WAYBILL_ASSIGN_OR_RETURN(workstation.agent, Agent::Open(std::move(state),
                                                          {.site = *workstation.site,
                                                           .cache = *workstation.cache,
                                                           .clock = clock,
                                                           .random = RandomFraction},
                                                          std::move(options)));
  return workstation;
}

absl::Status ShowOffers(const Config& config, Agent& agent) {
  const absl::Status polled = agent.Poll().status();
  if (absl::IsUnavailable(polled)) {
    return absl::UnavailableError(absl::StrCat("cannot reach the site's PCM-Manager at ",
                                               config.server, ": ", polled.message()));
  }
  WAYBILL_RETURN_IF_ERROR(polled);
  std::cout << FormatOffers(agent.ListOffers(), agent.ServerNow(), absl::LocalTimeZone())
            << std::flush;
  return absl::OkStatus();
}

absl::Status RunOnce(const Config& config, Agent& agent) {
  WAYBILL_RETURN_IF_ERROR(ShowOffers(config, agent));
  if (config.list) return absl::OkStatus();
  return agent.RunDue([](const Agent::Ended& ended) {
    std::cout << FormatEnded(ended.offer, ended.record) << std::flush;
  });
}

// A signal ends it as it ends a service: the command gets --drain-max.
absl::Status RunOnceUntilStopped(const Config& config, Agent& agent, const StopSignals& signals) {
  std::atomic<bool> done = false;
  std::thread stopper([&] {
    while (!done) {
      if (signals.WaitFor(absl::Milliseconds(100))) agent.Stop();
    }
  });
  const absl::Status status = RunOnce(config, agent);
  done = true;
  stopper.join();
  return status;
}

absl::Status ServeWorkstation(const Config& config, Agent& agent, const StopSignals& stop_signals) {
  WorkstationLoop loop(agent, SiteRetry(config.poll_interval), RandomFraction);
  loop.Start();
  stop_signals.Wait();
  log::Info("stopping");
  loop.Stop();
  return absl::OkStatus();
}

absl::Status Simulate(const Config& config, const StopSignals& stop_signals) {
  rlimit files{};  // A workstation has a handful of descriptors.
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  WAYBILL_ASSIGN_OR_RETURN(const auto simulation, Simulation::Open(config, RandomFraction));
  std::thread runner([&simulation] { simulation->Run(); });
  stop_signals.Wait();
  log::Info("stopping", {{"polls", simulation->polls()}, {"runs", simulation->runs()}});
  simulation->Stop();
  runner.join();
  return absl::OkStatus();
}

absl::Status Run(const Config& config) {
  const StopSignals stop_signals;
  std::signal(SIGPIPE, SIG_IGN);  // A web server may close while we send over TLS.
  if (config.simulate > 0) return Simulate(config, stop_signals);
  const clock::RealClock clock;
  WAYBILL_ASSIGN_OR_RETURN(const Workstation workstation, OpenWorkstation(config, clock));
  if (config.service) return ServeWorkstation(config, *workstation.agent, stop_signals);
  return RunOnceUntilStopped(config, *workstation.agent, stop_signals);
}

}  // namespace
}  // namespace waybill::pcm

int main(int argc, char** argv) {
  waybill::pcm::Config config;
  waybill::config::Parser parser("waybill-pcm", "Runs on a workstation what its site offers it.");
  waybill::pcm::DeclareConfig(parser, config);
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  if (config.cache_directory.empty()) config.cache_directory = config.state_directory + "/cache";
  const bool is_interactive = config.once || config.list;
  waybill::log::Init("pcm", config.site_code,
                     is_interactive ? waybill::log::Level::kError : config.log_level);
  const absl::Status status = waybill::pcm::Run(config);
  if (status.ok()) return 0;
  if (is_interactive) {
    std::cerr << "waybill-pcm: " << status.message() << "\n";
  } else {
    waybill::log::Error("ended", {{"error", status}});
  }
  return 1;
}

// The Scheduler's process: settings -> objects -> serve -> drain.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/content/chunk_store.h"
#include "common/jobdb/database.h"
#include "common/jobdb/migrate.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/model/channels.h"
#include "common/random/random_id.h"
#include "common/rpc/channel.h"
#include "common/rpc/listener.h"
#include "common/rpc/tls.h"
#include "common/service/service.h"
#include "common/status/status_macros.h"
#include "common/thread/executor.h"
#include "common/thread/stop_signals.h"
#include "common/tree/directory.h"
#include "services/scheduler/activation_loop.h"
#include "services/scheduler/config.h"
#include "services/scheduler/forward_loop.h"
#include "services/scheduler/import_files.h"
#include "services/scheduler/job_progress_store.h"
#include "services/scheduler/job_service.h"
#include "services/scheduler/job_store.h"
#include "services/scheduler/package_service.h"
#include "services/scheduler/package_store.h"
#include "services/scheduler/parent_client.h"
#include "services/scheduler/rollup_loop.h"
#include "services/scheduler/shipper_loop.h"
#include "services/scheduler/site_service.h"
#include "services/scheduler/site_store.h"
#include "services/scheduler/status_service.h"
#include "services/scheduler/status_store.h"
#include "services/scheduler/workstation_store.h"

#include "scheduler_sql.h"

namespace waybill::scheduler {
namespace {

// Between attempts to reach the parent, however rarely the job database is looked at.
constexpr absl::Duration kReportPauseMax = absl::Seconds(10);
constexpr char kProgram[] = "waybill-scheduler";
constexpr int kWaitingPerCallThread = 10;
// Beside one for each call thread: loops, imports, and streams, which need one only now and then.
constexpr int kOtherSessions = 16;

using Notify = std::function<void(absl::string_view channel)>;

/// What answers administrators: stores, services and the threads their handlers run on.
struct FrontDoor {
  FrontDoor(const Config& config, jobdb::Database& database, content::ChunkStore& content,
            const Notify& notify)
      : sites(database),
        workstations(database),
        packages(database),
        jobs(database),
        importer(packages, content,
                 {.source_directories = config.source_directories,
                  .lease_duration = config.lease_duration}),
        calls(config.call_threads, config.call_threads * (1 + kWaitingPerCallThread)),
        streams(config.streams_max, config.streams_max),
        site_service({.sites = sites,
                      .workstations = workstations,
                      .site_code = config.service.site_code,
                      .store_directory = config.store_directory,
                      .notify = notify,
                      .calls = calls,
                      .streams = streams}),
        package_service({.packages = packages,
                         .importer = importer,
                         .clock = clock,
                         .source_directories = config.source_directories,
                         .store_directory = config.store_directory,
                         .calls = calls,
                         .streams = streams}),
        job_service({.store = jobs, .calls = calls, .streams = streams, .notify = notify}),
        status_store(database),
        child_streams(config.streams_max, config.streams_max),
        status_service({.store = status_store, .streams = child_streams, .notify = notify}) {}

  absl::StatusOr<std::unique_ptr<rpc::Listener>> Listen(const Config& config,
                                                        const rpc::TlsIdentity& tls) {
    std::vector<rpc::AccessRule> rules;
    for (const char* service : {"waybill.job.v1.JobService", "waybill.package.v1.PackageService",
                                "waybill.site.v1.SiteService"}) {
      for (rpc::AccessRule& rule : model::AccessRulesOf(service)) {
        rules.push_back(std::move(rule));
      }
    }
    return rpc::Listener::Start({.audience = "administrators",
                                 .address = config.admin_address,
                                 .rules = std::move(rules),
                                 .reflection = true},
                                tls, {&job_service, &package_service, &site_service});
  }

  absl::StatusOr<std::unique_ptr<rpc::Listener>> ListenToSites(const Config& config,
                                                               const rpc::TlsIdentity& tls) {
    return rpc::Listener::Start({.audience = "sites",
                                 .address = config.sites_address,
                                 .rules = model::AccessRulesOf("waybill.status.v1.StatusService"),
                                 .is_site_link = true},
                                tls, {&status_service});
  }

  const clock::RealClock clock;
  SiteStore sites;
  WorkstationStore workstations;
  PackageStore packages;
  JobStore jobs;
  Importer importer;
  Executor calls;
  Executor streams;
  SiteService site_service;
  PackageService package_service;
  JobService job_service;
  StatusStore status_store;
  Executor child_streams;
  StatusService status_service;
};

/// What reports to the site above, if there is one.
struct Reporting {
  Reporting(const Config& config, StatusStore& store, const rpc::TlsIdentity& tls)
      : client([&config, &tls] {
          return rpc::MakeChannel(
              {.target = config.parent_endpoint,
               .server = {rpc::Role::kService, config.parent_site_code, model::kSchedulerName},
               .is_site_link = true},
              tls);
        }),
        shipper(store, client, RandomId(),
                {.poll_interval = std::min(config.poll_interval, kReportPauseMax),
                 .lease = config.lease_duration}) {}

  ParentClient client;
  ShipperLoop shipper;
};

/// The work that nobody calls for.
struct Loops {
  Loops(const Config& config, jobdb::Database& database, FrontDoor& front_door,
        const Notify& notify)
      : progress(database),
        activation(
            progress,
            [&front_door](const std::string& package_id,
                          const std::function<bool()>& cancelled) -> absl::StatusOr<std::string> {
              WAYBILL_ASSIGN_OR_RETURN(
                  const ImportOutcome outcome,
                  front_door.importer.Import(
                      package_id, /*skip_unsafe=*/false, [](const ImportState&) {}, cancelled));
              return outcome.version.version();
            },
            notify, {.poll_interval = config.poll_interval, .lease = config.lease_duration}),
        forward(progress, notify, config.poll_interval),
        rollup(progress, front_door.clock, notify, {.poll_interval = config.poll_interval}) {}

  void Start() {
    activation.Start();
    forward.Start();
    rollup.Start();
  }

  void Wake(absl::string_view channel) {
    if (channel == model::kJobChannel) {
      activation.Wake();
      forward.Wake();
      rollup.Wake();
    }
  }

  void Stop() {
    activation.Stop();
    forward.Stop();
    rollup.Stop();
  }

  JobProgressStore progress;
  ActivationLoop activation;
  ForwardLoop forward;
  RollupLoop rollup;
};

absl::Status Serve(const Config& config) {
  const StopSignals stop_signals;
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(
      service::CheckIdentity(tls->identity(), config.service.site_code, model::kSchedulerName));
  const jobdb::Database::Options job_database = {
      .uri = config.job_database.uri,
      .sessions_max = config.call_threads + kOtherSessions,
      .application_name = kProgram};
  WAYBILL_ASSIGN_OR_RETURN(const auto database,
                           service::OpenJobDatabase(job_database, sql::kAll,
                                                    config.job_database.wait_max, stop_signals));
  WAYBILL_RETURN_IF_ERROR(
      SiteStore(*database).ClaimDatabase(config.service.site_code, config.parent_site_code));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier, service::StartNotifier(job_database));
  const Notify notify = [&notifier](absl::string_view channel) { notifier->Notify(channel); };
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                           tree::Directory::Create(config.store_directory));
  WAYBILL_ASSIGN_OR_RETURN(const auto content, content::ChunkStore::Open(directory));

  FrontDoor front_door(config, *database, *content, notify);
  Loops loops(config, *database, front_door, notify);
  WAYBILL_ASSIGN_OR_RETURN(const auto metrics,
                           metrics::Exposer::Start(config.service.metrics_address));
  WAYBILL_ASSIGN_OR_RETURN(const auto administrators, front_door.Listen(config, *tls));
  WAYBILL_ASSIGN_OR_RETURN(const auto sites, front_door.ListenToSites(config, *tls));
  loops.Start();
  std::optional<Reporting> reporting;
  if (!config.parent_site_code.empty()) {
    reporting.emplace(config, front_door.status_store, *tls);
    reporting->shipper.Start();
  }
  WAYBILL_ASSIGN_OR_RETURN(
      const auto wakes,
      service::StartWakes(job_database, {model::kJobChannel, model::kOutboxChannel},
                          [&](absl::string_view channel) {
                            loops.Wake(channel);
                            if (reporting.has_value() && channel == model::kOutboxChannel) {
                              reporting->shipper.Wake();
                            }
                          }));
  log::Info("listening", {{"admin_port", administrators->port()},
                          {"sites_port", sites->port()},
                          {"metrics_port", metrics->port()}});
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file,
      {{"admin", administrators->port()}, {"sites", sites->port()}, {"metrics", metrics->port()}}));

  stop_signals.Wait();
  log::Info("draining");
  administrators->SetServing(false);
  sites->SetServing(false);
  front_door.streams.Drain();
  front_door.child_streams.Drain();
  loops.Stop();
  if (reporting.has_value()) {
    reporting->shipper.Stop();
  }
  administrators->Shutdown(config.service.drain_max);
  sites->Shutdown(config.service.drain_max);
  return absl::OkStatus();
}

absl::Status Run(const config::Parser& parser, const Config& config) {
  if (parser.subcommand() != "migrate") {
    return Serve(config);
  }
  WAYBILL_RETURN_IF_ERROR(jobdb::Migrate(config.job_database.uri));
  log::Info("the job database has this program's schema");
  return absl::OkStatus();
}

// `migrate` needs the job database only, so an installer can call it before anything else exists.
bool IsMigrate(int argc, char** argv) {
  return std::any_of(argv + std::min(argc, 1), argv + argc,
                     [](const char* argument) { return absl::string_view(argument) == "migrate"; });
}

}  // namespace
}  // namespace waybill::scheduler

int main(int argc, char** argv) {
  waybill::scheduler::Config config;
  waybill::config::Parser parser("waybill-scheduler",
                                 "The front door of a site: jobs, packages and sites.");
  if (waybill::scheduler::IsMigrate(argc, argv)) {
    waybill::scheduler::AddMigrateOptions(parser, config);
  } else {
    waybill::scheduler::DeclareConfig(parser, config);
  }
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  waybill::log::Init("scheduler", config.service.site_code, config.service.log_level);
  return waybill::service::ExitCode(waybill::scheduler::Run(parser, config));
}

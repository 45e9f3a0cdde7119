// The Despooler's process: settings -> objects -> serve -> drain.

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/content/chunk_store.h"
#include "common/jobdb/database.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/model/channels.h"
#include "common/rpc/listener.h"
#include "common/rpc/tls.h"
#include "common/service/service.h"
#include "common/status/status_macros.h"
#include "common/thread/executor.h"
#include "common/thread/stop_signals.h"
#include "common/tree/directory.h"
#include "services/despooler/config.h"
#include "services/despooler/definition_loop.h"
#include "services/despooler/definition_store.h"
#include "services/despooler/distribute_loop.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/receive_store.h"
#include "services/despooler/removal_loop.h"
#include "services/despooler/removal_store.h"
#include "services/despooler/server_crew_loop.h"
#include "services/despooler/temporary_tree_files.h"
#include "services/despooler/transfer_service.h"

#include "despooler_sql.h"

namespace waybill::despooler {
namespace {

constexpr char kProgram[] = "waybill-despooler";

using Notify = std::function<void(absl::string_view channel)>;

// Sessions of the loops of this process, besides one for each transfer.
constexpr int kLoopSessions = 16;

ServerCrewLoop::Options CrewOptions(const Config& config, const char* name, int threads_max) {
  ServerCrewLoop::Options options;
  options.name = name;
  options.threads_max = threads_max;
  options.lease = config.lease;
  return options;
}

// Everything behind a commit: servers, removals, definition files.
class Distribution {
 public:
  Distribution(const Config& config, jobdb::Database& database, content::ChunkStore& content,
               const Notify& notify)
      : servers_(database, config.service.site_code),
        removals_(database, config.service.site_code),
        definitions_(database, config.service.site_code),
        distribute_loop_({.store = servers_, .content = content, .clock = clock_}, Drives(config),
                         notify, DistributeOptions(config)),
        removal_loop_(
            {.servers = servers_, .store = removals_, .content = content, .clock = clock_}, notify,
            RemovalOptions(config)),
        definition_loop_(definitions_, config.site_directory, notify,
                         {.poll_interval = config.poll_interval}) {}

  void Start() {
    distribute_loop_.Start();
    removal_loop_.Start();
    definition_loop_.Start();
  }

  void Wake(absl::string_view channel) {
    if (channel == model::kDistributeChannel) {
      distribute_loop_.Wake();
      removal_loop_.Wake();
    } else if (channel == model::kDefinitionChannel) {
      definition_loop_.Wake();
    }
  }

  // False: a worker hangs on a server and will not let go of what it uses.
  bool Stop(absl::Duration limit) {
    definition_loop_.Stop();
    const bool distributed = distribute_loop_.Stop(limit);
    return removal_loop_.Stop(limit) && distributed;
  }

 private:
  static SiteDrives Drives(const Config& config) {
    SiteDrives drives;
    for (const auto& [letter, directory] : config.drives) {
      drives.directories.push_back(directory);
    }
    drives.reserve_bytes = config.drive_reserve_bytes;
    drives.measure_space = [](const tree::Directory& directory) { return directory.Space(); };
    return drives;
  }

  static DistributeLoop::Options DistributeOptions(const Config& config) {
    DistributeLoop::Options options;
    options.poll_interval = config.poll_interval;
    options.backoff = {.base = config.retry_base, .max = config.retry_max};
    options.crew = CrewOptions(config, "distribute", options.crew.threads_max);
    return options;
  }

  static RemovalLoop::Options RemovalOptions(const Config& config) {
    RemovalLoop::Options options;
    options.site_code = config.service.site_code;
    options.poll_interval = config.poll_interval;
    options.backoff = {.base = config.retry_base, .max = config.retry_max};
    options.crew = CrewOptions(config, "remove", options.crew.threads_max);
    return options;
  }

  const clock::RealClock clock_;
  DistributeStore servers_;
  RemovalStore removals_;
  DefinitionStore definitions_;
  DistributeLoop distribute_loop_;
  RemovalLoop removal_loop_;
  DefinitionLoop definition_loop_;
};

absl::StatusOr<std::unique_ptr<SpaceLedger>> MakeSpaceLedger(const Config& config) {
  std::vector<tree::Directory> drives;
  for (const auto& [letter, directory] : config.drives) {
    WAYBILL_ASSIGN_OR_RETURN(tree::Directory drive, tree::Directory::Create(directory));
    drives.push_back(std::move(drive));
  }
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory store, tree::Directory::Create(config.store_directory));
  return std::make_unique<SpaceLedger>(std::move(store), std::move(drives),
                                       config.drive_reserve_bytes);
}

/// What answers senders.
struct Receiving {
  Receiving(const Config& config, jobdb::Database& database, content::ChunkStore& content,
            SpaceLedger& space, const Notify& notify)
      : store(database),
        transfers(config.transfers_max, config.transfers_max),
        service({.store = store,
                 .chunks = content,
                 .space = space,
                 .streams = transfers,
                 .notify = notify},
                {.credit_bytes = config.credit_bytes, .progress_max = config.progress_max}) {}

  absl::StatusOr<std::unique_ptr<rpc::Listener>> Listen(const Config& config,
                                                        const rpc::TlsIdentity& tls) {
    return rpc::Listener::Start(
        {.audience = "sites",
         .address = config.sites_address,
         .rules = model::AccessRulesOf("waybill.transfer.v1.TransferService"),
         .is_site_link = true},
        tls, {&service});
  }

  ReceiveStore store;
  Executor transfers;
  TransferService service;
};

absl::StatusOr<std::string> SiteCodeIn(ReceiveStore& store) {
  WAYBILL_ASSIGN_OR_RETURN(ReceiveStore::Self self, store.GetSelf());
  return std::move(self.site_code);
}

absl::Status Serve(const Config& config) {
  const StopSignals stop_signals;
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(
      service::CheckIdentity(tls->identity(), config.service.site_code, model::kDespoolerName));
  const jobdb::Database::Options job_database = {
      .uri = config.job_database.uri,
      .sessions_max = config.transfers_max + kLoopSessions,
      .application_name = kProgram};
  WAYBILL_ASSIGN_OR_RETURN(const auto database,
                           service::OpenJobDatabase(job_database, sql::kAll,
                                                    config.job_database.wait_max, stop_signals));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier, service::StartNotifier(job_database));
  const Notify notify = [&notifier](absl::string_view channel) { notifier->Notify(channel); };
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory store_directory,
                           tree::Directory::Create(config.store_directory));
  WAYBILL_ASSIGN_OR_RETURN(const auto content, content::ChunkStore::Open(store_directory));
  WAYBILL_ASSIGN_OR_RETURN(const auto space, MakeSpaceLedger(config));

  Receiving receiving(config, *database, *content, *space, notify);
  WAYBILL_RETURN_IF_ERROR(
      service::CheckSiteCode(SiteCodeIn(receiving.store), config.service.site_code));
  WAYBILL_ASSIGN_OR_RETURN(const auto metrics,
                           metrics::Exposer::Start(config.service.metrics_address));
  WAYBILL_ASSIGN_OR_RETURN(const auto sites, receiving.Listen(config, *tls));
  Distribution distribution(config, *database, *content, notify);
  distribution.Start();
  WAYBILL_ASSIGN_OR_RETURN(
      const auto wakes,
      service::StartWakes(
          job_database, {model::kDistributeChannel, model::kDefinitionChannel},
          [&distribution](absl::string_view channel) { distribution.Wake(channel); }));
  log::Info("listening", {{"sites_port", sites->port()}, {"metrics_port", metrics->port()}});
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file, {{"sites", sites->port()}, {"metrics", metrics->port()}}));

  stop_signals.Wait();
  log::Info("draining");
  sites->SetServing(false);
  receiving.transfers.Drain();
  sites->Shutdown(config.service.drain_max);
  if (!distribution.Stop(config.service.drain_max)) {
    log::Warning("ended while a worker hangs on a server");
    std::_Exit(0);  // The hanging thread still uses what we would destroy.
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace waybill::despooler

int main(int argc, char** argv) {
  waybill::despooler::Config config;
  waybill::config::Parser parser("waybill-despooler",
                                 "Receives packages at a site and puts them on its servers.");
  waybill::despooler::DeclareConfig(parser, config);
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  waybill::log::Init("despooler", config.service.site_code, config.service.log_level);
  return waybill::service::ExitCode(waybill::despooler::Serve(config));
}

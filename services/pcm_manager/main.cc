// The PCM-Manager's process: settings -> objects -> serve -> drain.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/jobdb/database.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/model/channels.h"
#include "common/random/random_fraction.h"
#include "common/rpc/listener.h"
#include "common/rpc/tls.h"
#include "common/service/service.h"
#include "common/status/status_macros.h"
#include "common/thread/executor.h"
#include "common/thread/stop_signals.h"
#include "services/pcm_manager/acknowledge_loop.h"
#include "services/pcm_manager/config.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_service.h"
#include "services/pcm_manager/pcm_store.h"
#include "services/pcm_manager/replicate_loop.h"

#include "pcm_manager_sql.h"

namespace waybill::pcm_manager {
namespace {

constexpr char kProgram[] = "waybill-pcm-manager";
constexpr int kCallThreads = 8;
constexpr int kCallsMax = 4000;  // Running and waiting; polls are short.
constexpr int kLoopSessions = 4;
constexpr absl::Duration kAcknowledgeInterval = absl::Milliseconds(250);

using Notify = std::function<void(absl::string_view channel)>;

/// Stores, files in memory, loops and the service.
struct Parts {
  Parts(const Config& config, jobdb::Database& database, const Notify& notify)
      : store(database, config.service.site_code),
        acknowledge(store, notify, kAcknowledgeInterval),
        replicate(
            config.site_directory, masters,
            {.masters = masters,
             .served = served,
             .store = store,
             .clock = clock,
             .notify = notify,
             .random = RandomFraction},
            {.poll_interval = config.poll_interval, .copy = {.interval = config.poll_interval}}),
        calls(kCallThreads, kCallsMax),
        service({.site_code = config.service.site_code,
                 .pcm_poll_interval = config.pcm_poll_interval,
                 .served = served,
                 .store = store,
                 .calls = calls,
                 .acknowledge =
                     [this](const std::string& sms_id, std::int64_t offer_version) {
                       return acknowledge.Add(sms_id, offer_version);
                     },
                 .notify = notify,
                 .server_now = [this] { return clock.Now() + replicate.clock_offset(); }}) {}

  const clock::RealClock clock;
  PcmStore store;
  MasterFiles masters;
  ServedFiles served;
  AcknowledgeLoop acknowledge;
  ReplicateLoop replicate;
  Executor calls;
  PcmService service;
};

absl::Status Serve(const Config& config) {
  const StopSignals stop_signals;
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(
      service::CheckIdentity(tls->identity(), config.service.site_code, model::kPcmManagerName));
  const jobdb::Database::Options job_database = {.uri = config.job_database.uri,
                                                 .sessions_max = kCallThreads + kLoopSessions,
                                                 .application_name = kProgram};
  WAYBILL_ASSIGN_OR_RETURN(const auto database,
                           service::OpenJobDatabase(job_database, sql::kAll,
                                                    config.job_database.wait_max, stop_signals));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier, service::StartNotifier(job_database));
  Parts parts(config, *database,
              [&notifier](absl::string_view channel) { notifier->Notify(channel); });
  WAYBILL_RETURN_IF_ERROR(
      service::CheckSiteCode(parts.store.GetSiteCode(), config.service.site_code));
  WAYBILL_ASSIGN_OR_RETURN(const auto metrics,
                           metrics::Exposer::Start(config.service.metrics_address));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto listener,
      rpc::Listener::Start({.audience = "workstations",
                            .address = config.workstations_address,
                            .rules = model::AccessRulesOf("waybill.pcm.v1.PcmService"),
                            .message_bytes_max = 1 << 20},
                           *tls, {&parts.service}));
  parts.acknowledge.Start();
  parts.replicate.Start();
  WAYBILL_ASSIGN_OR_RETURN(
      const auto wakes,
      service::StartWakes(job_database, {model::kReplicateChannel},
                          [&parts](absl::string_view /*channel*/) { parts.replicate.Wake(); }));
  log::Info("listening",
            {{"workstations_port", listener->port()}, {"metrics_port", metrics->port()}});
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file, {{"workstations", listener->port()}, {"metrics", metrics->port()}}));

  stop_signals.Wait();
  log::Info("draining");
  listener->SetServing(false);
  listener->Shutdown(config.service.drain_max);
  parts.replicate.Stop();
  parts.acknowledge.Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace waybill::pcm_manager

int main(int argc, char** argv) {
  waybill::pcm_manager::Config config;
  waybill::config::Parser parser("waybill-pcm-manager",
                                 "Offers jobs to the workstations of a site.");
  waybill::pcm_manager::DeclareConfig(parser, config);
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  waybill::log::Init("pcm-manager", config.service.site_code, config.service.log_level);
  return waybill::service::ExitCode(waybill::pcm_manager::Serve(config));
}

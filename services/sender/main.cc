// The Sender's process: settings -> objects -> serve -> drain.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/content/chunk_store.h"
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
#include "common/tree/directory.h"
#include "services/sender/config.h"
#include "services/sender/send_loop.h"
#include "services/sender/send_store.h"
#include "services/sender/sender_service.h"
#include "services/sender/transfer_client.h"

#include "sender_sql.h"

namespace waybill::sender {
namespace {

constexpr char kProgram[] = "waybill-sender";
constexpr int kCallThreads = 4;
constexpr int kCallsMax = 64;  // Running and waiting.

SendLoop::Options LoopOptions(const Config& config) {
  return {.sends_max = config.concurrent_sends,
          .lease = config.lease,
          .poll_interval = config.poll_interval,
          .progress_max = config.progress_max,
          .retry = {.backoff = {.base = config.retry_base, .max = config.retry_max},
                    .space_retry = config.space_retry}};
}

absl::Status Serve(const Config& config) {
  const StopSignals stop_signals;
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(
      service::CheckIdentity(tls->identity(), config.service.site_code, model::kSenderName));
  const jobdb::Database::Options job_database = {
      .uri = config.job_database.uri,  // A session for each worker, each call, and the loop.
      .sessions_max = config.concurrent_sends + kCallThreads + 1,
      .application_name = kProgram};
  WAYBILL_ASSIGN_OR_RETURN(const auto database,
                           service::OpenJobDatabase(job_database, sql::kAll,
                                                    config.job_database.wait_max, stop_signals));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier, service::StartNotifier(job_database));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                           tree::Directory::Create(config.store_directory));
  WAYBILL_ASSIGN_OR_RETURN(const auto chunks, content::ChunkStore::Open(directory));

  const clock::RealClock clock;
  SendStore store(*database);
  WAYBILL_RETURN_IF_ERROR(service::CheckSiteCode(store.GetSiteCode(), config.service.site_code));
  const auto client = MakeTransferClient(config.service.site_code, *tls, *chunks);
  SendLoop loop({.store = store,
                 .client = *client,
                 .clock = clock,
                 .notify = [&](absl::string_view channel) { notifier->Notify(channel); },
                 .random = RandomFraction},
                LoopOptions(config));
  Executor calls(kCallThreads, kCallsMax);
  SenderService service(store, calls);
  WAYBILL_ASSIGN_OR_RETURN(const auto metrics,
                           metrics::Exposer::Start(config.service.metrics_address));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto listener,
      rpc::Listener::Start({.audience = "administrators",
                            .address = config.admin_address,
                            .rules = model::AccessRulesOf("waybill.sender.v1.SenderService"),
                            .reflection = true},
                           *tls, {&service}));
  loop.Start();
  WAYBILL_ASSIGN_OR_RETURN(
      const auto wakes,
      service::StartWakes(job_database, {model::kSendChannel},
                          [&loop](absl::string_view /*channel*/) { loop.Wake(); }));
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file, {{"admin", listener->port()}, {"metrics", metrics->port()}}));
  log::Info("serving", {{"admin_address", listener->address()}, {"metrics_port", metrics->port()}});
  stop_signals.Wait();
  log::Info("draining");
  listener->SetServing(false);
  loop.Stop();
  calls.Drain();
  listener->Shutdown(config.service.drain_max);
  return absl::OkStatus();
}

}  // namespace
}  // namespace waybill::sender

int main(int argc, char** argv) {
  waybill::sender::Config config;
  waybill::config::Parser parser("waybill-sender", "Sends packages to neighbouring sites.");
  waybill::sender::DeclareConfig(parser, config);
  if (const std::optional<int> code = parser.ParseCommandLine(argc, argv)) {
    return *code;
  }
  waybill::log::Init("sender", config.service.site_code, config.service.log_level);
  return waybill::service::ExitCode(waybill::sender::Serve(config));
}

// The Sender's process: settings -> objects -> serve -> drain.

#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/config/parser.h"
#include "common/config/ports_file.h"
#include "common/content/chunk_store.h"
#include "common/jobdb/database.h"
#include "common/jobdb/listener.h"
#include "common/jobdb/migrate.h"
#include "common/jobdb/notifier.h"
#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/model/channels.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "common/thread/executor.h"
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

// Before any thread starts, so that all inherit it and only the main thread sees the signals.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Returns whether a stop signal came within `limit`.
bool WaitForStop(const sigset_t& signals, absl::Duration limit) {
  const timespec wait = absl::ToTimespec(limit);
  return sigtimedwait(&signals, nullptr, &wait) > 0;
}

double DrawRandom() {
  thread_local absl::BitGen bits;
  return absl::Uniform(bits, 0.0, 1.0);
}

SendLoop::Options LoopOptions(const Config& config) {
  return {.sends_max = config.concurrent_sends,
          .lease = config.lease,
          .poll_interval = config.poll_interval,
          .progress_max = config.progress_max,
          .retry = {.backoff = {.base = config.retry_base, .max = config.retry_max},
                    .space_retry = config.space_retry}};
}

// A certificate of another site or service would be refused by all our neighbours, one by one and
// much later.
absl::Status CheckIdentity(const rpc::Identity& identity, const std::string& site_code) {
  const std::string expected = rpc::ServiceUri(site_code, model::kSenderName);
  if (rpc::ToUri(identity) == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("tls-certificate-file: the certificate is of ",
                                                    rpc::ToUri(identity), ", expected ", expected));
}

// Two sites on one job database would answer for each other.
absl::Status CheckSiteCode(const absl::StatusOr<std::string>& known, const std::string& site_code) {
  if (!known.ok() || *known == site_code) return absl::OkStatus();  // Not named yet: waits.
  return absl::FailedPreconditionError(
      absl::StrCat("site-code: the job database is of site ", *known, ", not of ", site_code));
}

absl::Status Serve(const Config& config) {
  const sigset_t stop_signals = BlockStopSignals();
  const std::string& uri = config.job_database_uri;
  WAYBILL_RETURN_IF_ERROR(jobdb::WaitForSchema(
      uri, {.limit = absl::Minutes(5),
            .pause = [&](absl::Duration limit) { return !WaitForStop(stop_signals, limit); },
            .report = [](absl::string_view line) { log::Info(line); }}));
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(config.service.tls));
  WAYBILL_RETURN_IF_ERROR(CheckIdentity(tls->identity(), config.service.site_code));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto database,  // A session for each worker, each call, and the loop.
      jobdb::Database::Open({.uri = uri,
                             .sessions_max = config.concurrent_sends + kCallThreads + 1,
                             .application_name = kProgram},
                            sql::kAll));
  WAYBILL_ASSIGN_OR_RETURN(const auto notifier,
                           jobdb::Notifier::Start({.uri = uri, .application_name = kProgram}));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                           tree::Directory::Create(config.store_directory));
  WAYBILL_ASSIGN_OR_RETURN(const auto chunks, content::ChunkStore::Open(directory));

  const clock::RealClock clock;
  SendStore store(*database);
  WAYBILL_RETURN_IF_ERROR(CheckSiteCode(store.GetSiteCode(), config.service.site_code));
  const auto client = MakeTransferClient(config.service.site_code, *tls, *chunks);
  SendLoop loop({.store = store,
                 .client = *client,
                 .clock = clock,
                 .notify = [&](absl::string_view channel) { notifier->Notify(channel); },
                 .random = DrawRandom},
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
  WAYBILL_ASSIGN_OR_RETURN(const auto wakes,
                           jobdb::Listener::Start(
                               {.uri = uri, .application_name = kProgram}, {model::kSendChannel},
                               [&loop](absl::string_view /*channel*/) { loop.Wake(); },
                               [](const absl::Status& status) {
                                 log::Info("connection for wakes", {{"status", status}});
                               }));
  WAYBILL_RETURN_IF_ERROR(config::WritePortsFile(
      config.ports_file, {{"admin", listener->port()}, {"metrics", metrics->port()}}));
  log::Info("serving", {{"admin_address", listener->address()}, {"metrics_port", metrics->port()}});
  while (!WaitForStop(stop_signals, absl::Hours(1))) {
  }
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
  const absl::Status status = waybill::sender::Serve(config);
  if (status.ok() || absl::IsCancelled(status)) {  // Told to stop while it waited at start.
    return 0;
  }
  waybill::log::Error("ended", {{"error", status}});
  return 1;
}

#include "common/rpc/listener.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/rpc/access.h"
#include "common/rpc/calls_in_progress.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"

namespace waybill::rpc {
namespace {

constexpr int kMetadataBytesMax = 8 << 10;
constexpr int kHandshakeTimeoutMs = 10'000;
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kPingIntervalMinMs = 10'000;
constexpr int kPingStrikesMax = 2;
constexpr int kConnectionAgeMaxMs = 3'600'000;
constexpr int kConnectionAgeGraceMs = 300'000;
constexpr int kQuotaThreads = 64;
constexpr int kPortMax = 65'535;

// Reflection, once linked, adds itself to every server of the process.
class WithoutPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

// Process-wide switches of gRPC, thrown before the first server is built.
void EnableBuiltInServices() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

std::vector<AccessRule> WithBuiltInRules(const ListenerOptions& options) {
  std::vector<AccessRule> rules = options.rules;
  const std::vector<Caller> anyone = {{Role::kAdmin}, {Role::kService}, {Role::kWorkstation}};
  rules.push_back({"/grpc.health.v1.Health/Check", anyone});
  rules.push_back({"/grpc.health.v1.Health/Watch", anyone});
  if (options.reflection) {
    // grpcurl asks by the newer name first, and falls back only if the answer is UNIMPLEMENTED.
    for (const char* version : {"v1alpha", "v1"}) {
      rules.push_back(
          {absl::StrCat("/grpc.reflection.", version, ".ServerReflection/ServerReflectionInfo"),
           {{Role::kAdmin}}});
    }
  }
  return rules;
}

// The part before the port. gRPC would take a port of 99999 modulo 65536.
absl::StatusOr<std::string> HostOf(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > kPortMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", address, "' is not host:port with a port of 0 to ", kPortMax));
  }
  return address.substr(0, colon);
}

void SetLimits(const ListenerOptions& options, grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota(options.audience);
  quota.Resize(static_cast<std::size_t>(options.memory_bytes_max)).SetMaxThreads(kQuotaThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.streams_per_connection_max);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kPingStrikesMax);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (options.is_site_link) {
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  } else {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kConnectionAgeMaxMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionAgeGraceMs);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    const ListenerOptions& options, const TlsIdentity& tls,
    const std::vector<grpc::Service*>& services) {
  WAYBILL_ASSIGN_OR_RETURN(const std::string host, HostOf(options.address));
  EnableBuiltInServices();
  const std::shared_ptr<grpc::ServerCredentials> credentials = tls.ServerCredentials();
  const auto calls = std::make_shared<CallsInProgress>();
  credentials->SetAuthMetadataProcessor(
      MakeAccessCheck(AccessTable(WithBuiltInRules(options)), calls));

  int port = 0;
  grpc::ServerBuilder builder;
  if (!options.reflection) {
    builder.SetOption(std::make_unique<WithoutPlugins>());
  }
  SetLimits(options, builder);
  builder.experimental().SetInterceptorCreators(CountCalls(calls));
  builder.AddListeningPort(options.address, credentials, &port);
  for (grpc::Service* service : services) {
    builder.RegisterService(service);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port <= 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen for ", options.audience, " on ", options.address));
  }
  const std::string address = absl::StrCat(host, ":", port);
  log::Info("listening", {{"audience", options.audience}, {"address", address}});
  return std::unique_ptr<Listener>(new Listener(std::move(server), calls, address, port));
}

Listener::Listener(std::unique_ptr<grpc::Server> server, std::shared_ptr<CallsInProgress> calls,
                   std::string address, int port)
    : server_(std::move(server)),
      calls_(std::move(calls)),
      address_(std::move(address)),
      port_(port) {}

Listener::~Listener() {
  Shutdown(absl::ZeroDuration());
}

void Listener::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void Listener::Shutdown(absl::Duration drain_max) {
  calls_->CloseAndWait(drain_max);
  // gRPC itself would wait until every client has closed its connection, and an idle client looks
  // at its own only every few seconds.
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
}

}  // namespace waybill::rpc

#include <iostream>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/stub_options.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/session.h"

namespace waybill::cli {
namespace {

constexpr absl::Duration kHealthTimeMax = absl::Seconds(4);
constexpr int kServing = 1;  // grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING

// The two messages of grpc.health.v1.Health/Check as they are on the wire: a request without a
// service asks for the whole server, and the answer has its status in field 1.
using HealthStub =
    grpc::TemplatedGenericStub<google::protobuf::Empty, google::protobuf::Int32Value>;

struct Health {
  std::vector<std::string> addresses;
  config::TlsFiles files;
};

// OK if the listener says that it serves. A service asks itself: only it has its own identity.
absl::Status Check(const std::string& address, const rpc::TlsIdentity& tls) {
  HealthStub stub(rpc::MakeChannel({.target = address, .server = tls.identity()}, tls));
  grpc::ClientContext context;
  rpc::SetDeadline(context, kHealthTimeMax);
  const google::protobuf::Empty whole_server;
  google::protobuf::Int32Value answer;
  grpc::Status ended;
  std::latch done(1);
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &whole_server,
                 &answer, [&ended, &done](const grpc::Status& status) {
                   ended = status;
                   done.count_down();
                 });
  done.wait();
  WAYBILL_RETURN_IF_ERROR(rpc::FromGrpcStatus(ended));
  return answer.value() == kServing ? absl::OkStatus()
                                    : absl::UnavailableError("it says that it does not serve");
}

absl::StatusOr<ExitCode> CheckAll(const Health& health) {
  WAYBILL_ASSIGN_OR_RETURN(const auto tls, rpc::TlsIdentity::Load(health.files));
  ExitCode code = kOk;
  for (const std::string& address : health.addresses) {
    const absl::Status status = Check(address, *tls);
    std::cout << OneLine(address) << (status.ok() ? " serves" : " does not serve: ")
              << OneLine(status.message()) << "\n";
    code = status.ok() ? code : kCallFailed;
  }
  return code;
}

}  // namespace

void AddHealthCommand(CLI::App& app, Session& session) {
  CLI::App* verb =
      AddVerb(app, "health", "ask a service, with its own certificate, whether its listeners serve",
              "waybill health 127.0.0.1:7001 127.0.0.1:7011 --tls-ca-file certs/ca.pem \\\n"
              "      --tls-certificate-file certs/CEN/scheduler.pem --tls-key-file "
              "certs/CEN/scheduler.key");
  const auto health = std::make_shared<Health>();
  verb->add_option("ADDRESS", health->addresses, "host:port of a listener; may be repeated")
      ->required();
  verb->add_option("--tls-ca-file", health->files.ca_file, "as of the service")
      ->envname("WAYBILL_TLS_CA_FILE")
      ->required();
  verb->add_option("--tls-certificate-file", health->files.certificate_file, "as of the service")
      ->envname("WAYBILL_TLS_CERTIFICATE_FILE")
      ->required();
  verb->add_option("--tls-key-file", health->files.key_file, "as of the service")
      ->envname("WAYBILL_TLS_KEY_FILE")
      ->required();
  verb->callback([&session, health] { session.SetWork([health] { return CheckAll(*health); }); });
}

}  // namespace waybill::cli

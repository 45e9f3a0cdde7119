#include "services/cli/session.h"

#include <iostream>
#include <memory>
#include <string>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/model/access.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"
#include "services/cli/format.h"

namespace waybill::cli {
namespace {

// What a person may try next; empty when the text of the error says it all.
std::string Hint(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return "nobody answered: is the service running, is --server (or --sender) right, and do "
             "--site and "
             "--certs belong to it?";
    case absl::StatusCode::kPermissionDenied:
      return "the certificate in --certs is not an administrator's of this hierarchy";
    case absl::StatusCode::kUnknown:
      return "the outcome is in doubt: repeat the command with the same --request-id";
    case absl::StatusCode::kDeadlineExceeded:
      return "no answer in time: the service may be busy; look at its log and try again";
    default:
      return "";
  }
}

}  // namespace

void Session::AddOptions(CLI::App& app) {
  app.add_option("--server", server_, "the Scheduler's listener for administrators, host:port")
      ->envname("WAYBILL_SERVER")
      ->capture_default_str();
  app.add_option("--sender", sender_, "the Sender's listener for administrators, host:port")
      ->envname("WAYBILL_SENDER")
      ->capture_default_str();
  app.add_option("--site", site_code_, "code of the site that is to answer, such as CEN")
      ->envname("WAYBILL_SITE");
  app.add_option("--certs", certs_directory_,
                 "directory with ca.pem, and NAME.pem and NAME.key of the administrator")
      ->envname("WAYBILL_CERTS");
  app.add_option("--admin", admin_, "NAME of the administrator's certificate")
      ->envname("WAYBILL_ADMIN")
      ->capture_default_str();
  app.add_option("-o,--output", output_, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

ExitCode Session::RunWork() {
  const absl::StatusOr<ExitCode> code = work_();
  if (code.ok()) {
    return *code;
  }
  std::cerr << "waybill: " << absl::StatusCodeToString(code.status().code()) << ": "
            << OneLine(code.status().message()) << "\n";
  const std::string hint = Hint(code.status());
  if (!hint.empty()) {
    std::cerr << "         " << hint << "\n";
  }
  return kCallFailed;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Scheduler() {
  return Connect(server_, "--server", model::kSchedulerName);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Sender() {
  return Connect(sender_, "--sender", model::kSenderName);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Connect(const std::string& address,
                                                                const std::string& flag,
                                                                const std::string& service) {
  if (address.find(':') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " '", address, "': expected host:port, such as 127.0.0.1:7001"));
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("--site", site_code_));
  if (certs_directory_.empty()) {
    return absl::InvalidArgumentError(
        "--certs is empty: expected a directory with ca.pem and the administrator's certificate");
  }
  if (tls_ == nullptr) {
    WAYBILL_ASSIGN_OR_RETURN(tls_, rpc::TlsIdentity::Load(Files()));
  }
  return rpc::MakeChannel({.target = address, .server = {rpc::Role::kService, site_code_, service}},
                          *tls_);
}

config::TlsFiles Session::Files() const {
  config::TlsFiles files;
  files.ca_file = absl::StrCat(certs_directory_, "/ca.pem");
  files.certificate_file = absl::StrCat(certs_directory_, "/", admin_, ".pem");
  files.key_file = absl::StrCat(certs_directory_, "/", admin_, ".key");
  return files;
}

bool Session::is_terminal() const {
  return isatty(STDERR_FILENO) == 1;
}

void Session::PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    std::cout << json;
  }
}

}  // namespace waybill::cli

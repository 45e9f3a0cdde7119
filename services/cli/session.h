#ifndef WAYBILL_SERVICES_CLI_SESSION_H_
#define WAYBILL_SERVICES_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/tls.h"

namespace waybill::cli {

/// What the process ends with. `job watch` and `--watch` tell how the job ended.
enum ExitCode { kOk = 0, kCallFailed = 1, kUsage = 2, kJobFailed = 3, kJobCancelled = 4 };

/// How long a unary call may take.
inline constexpr absl::Duration kCallTimeMax = absl::Seconds(30);

/// One run of the command line: where to, as whom, how to print, and what to do.
class Session {
 public:
  /// A command's work. An error is printed and ends the process with kCallFailed.
  using Work = std::function<absl::StatusOr<ExitCode>()>;

  /// Declares --server, --site, --certs and so on.
  void AddOptions(CLI::App& app);

  /// What the chosen command is to do; set by its callback.
  void SetWork(Work work) { work_ = std::move(work); }
  ExitCode RunWork();

  /// A channel to the site's Scheduler or Sender; made on first use.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Scheduler();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Sender();

  bool json() const { return output_ == "json"; }
  bool is_terminal() const;  ///< Of standard error, where progress goes.

  /// Prints `message` as JSON with the field names of the protocol. A command prints one document.
  static void PrintJson(const google::protobuf::Message& message);

 private:
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const std::string& address,
                                                         const std::string& flag,
                                                         const std::string& service);
  config::TlsFiles Files() const;

  std::string server_ = "127.0.0.1:7001";
  std::string sender_ = "127.0.0.1:7002";
  std::string site_code_;
  std::string certs_directory_;
  std::string admin_ = "admin";
  std::string output_ = "table";
  std::unique_ptr<rpc::TlsIdentity> tls_;
  Work work_;
};

/// One unary call with a deadline: `Call<GetJobResponse>([&](auto* context, auto* response) {
/// return stub->GetJob(context, request, response); })`.
template <typename Response, typename Method>
absl::StatusOr<Response> Call(Method&& method) {
  grpc::ClientContext context;
  rpc::SetDeadline(context, kCallTimeMax);
  Response response;
  const grpc::Status status = method(&context, &response);
  if (!status.ok()) {
    return rpc::FromGrpcStatus(status);
  }
  return response;
}

/// All pages of a list as one answer: `ListAll<ListPackagesResponse>(request, [&](auto* context,
/// const auto& page, auto* response) { return stub->ListPackages(context, page, response); })`.
template <typename Response, typename Request, typename Method>
absl::StatusOr<Response> ListAll(Request request, Method&& method) {
  Response all;
  do {
    absl::StatusOr<Response> page = Call<Response>(
        [&](auto* context, auto* response) { return method(context, request, response); });
    if (!page.ok()) {
      return page;
    }
    request.set_page_token(page->next_page_token());
    page->clear_next_page_token();
    all.MergeFrom(*page);
  } while (!request.page_token().empty());
  return all;
}

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_SESSION_H_

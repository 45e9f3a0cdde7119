// The verbs of a Site that are calls of its administrator.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <grpcpp/client_context.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "tests/harness/call.h"
#include "tests/harness/certificates.h"
#include "tests/harness/require.h"
#include "tests/harness/site.h"

namespace waybill::harness {
namespace {

namespace fs = std::filesystem;

}  // namespace

void Site::PutChild(absl::string_view site_code) {
  site::v1::PutSiteRequest request;
  request.mutable_site()->set_site_code(std::string(site_code));
  request.mutable_site()->set_parent_site_code(code());
  MustCall<site::v1::PutSiteResponse>("PutSite", [&](auto* context, auto* response) {
    return sites()->PutSite(context, request, response);
  });
}

void Site::PutAddress(absl::string_view site_code, const std::string& endpoint) {
  site::v1::PutAddressRequest request;
  request.mutable_address()->set_site_code(std::string(site_code));
  request.mutable_address()->set_endpoint(endpoint);
  MustCall<site::v1::PutAddressResponse>("PutAddress", [&](auto* context, auto* response) {
    return sites()->PutAddress(context, request, response);
  });
}

void Site::AddDistributionServer(const std::string& name, const std::vector<std::string>& drives,
                                 const std::map<std::string, std::string>& urls) {
  site::v1::PutDistributionServerRequest request;
  request.mutable_server()->set_server_name(name);
  for (const std::string& drive : drives) {
    site::v1::Share& share = *request.mutable_server()->add_shares();
    share.set_drive(drive);
    share.set_directory(MakeShareDirectory(name, drive));
    if (const auto url = urls.find(drive); url != urls.end()) share.set_url(url->second);
  }
  MustCall<site::v1::PutDistributionServerResponse>(
      "PutDistributionServer", [&](auto* context, auto* response) {
        return sites()->PutDistributionServer(context, request, response);
      });
}

void Site::AddLogonServer(const std::string& name) {
  site::v1::PutLogonServerRequest request;
  request.mutable_server()->set_server_name(name);
  request.mutable_server()->set_directory(absl::StrCat(directory(), "/logon/", name));
  fs::create_directories(request.server().directory());
  MustCall<site::v1::PutLogonServerResponse>("PutLogonServer", [&](auto* context, auto* response) {
    return sites()->PutLogonServer(context, request, response);
  });
}

std::vector<std::string> Site::AddWorkstations(int count, const std::string& domain) {
  site::v1::PutWorkstationsRequest request;
  for (int i = 0; i < count; ++i) {
    site::v1::Workstation& workstation = *request.add_workstations();
    workstation.set_host_name(absl::StrCat("PC", ++workstation_counts_[domain]));
    workstation.set_domain(domain);
    workstation.set_operating_system("linux");
  }
  grpc::ClientContext context;
  rpc::SetDeadline(context, absl::Seconds(20));
  site::v1::PutWorkstationsResponse response;
  const auto stub = sites();
  const auto writer = stub->PutWorkstations(&context, &response);
  writer->Write(request);
  writer->WritesDone();
  Require(rpc::FromGrpcStatus(writer->Finish()), "PutWorkstations");
  const std::vector<std::string> sms_ids(response.sms_ids().begin(), response.sms_ids().end());
  Certificates::OfThisProgram().MakeForWorkstations(code(), sms_ids);
  return sms_ids;
}

std::string Site::SourceOf(const std::string& package_name) const {
  return absl::StrCat(options_.root_directory, "/sources/", package_name);
}

std::string Site::PackageId(const std::string& package_name) const {
  const auto found = package_ids_.find(package_name);
  // A test of bad input may name what is not there.
  return found == package_ids_.end() ? package_name : found->second;
}

void Site::CreatePackage(const std::string& package_name) {
  package::v1::CreatePackageRequest request;
  request.set_request_id(absl::StrCat("create-", package_name));
  request.set_name(package_name);
  request.set_source_directory(SourceOf(package_name));
  package::v1::Command& record = *request.add_commands();
  record.set_command_name("record");
  record.add_arguments("record.sh");
  record.add_arguments(starts_path());
  package::v1::Command& gated = *request.add_commands();
  gated = record;
  gated.set_command_name("gated");
  gated.add_arguments(gate_path());
  package_ids_[package_name] = MustCall<package::v1::CreatePackageResponse>(
                                   "CreatePackage",
                                   [&](auto* context, auto* response) {
                                     return packages()->CreatePackage(context, request, response);
                                   })
                                   .package()
                                   .package_id();
}

package::v1::ImportVersionResponse Site::Import(const std::string& package_name) {
  if (!package_ids_.contains(package_name)) {
    CreatePackage(package_name);
  }
  package::v1::ImportVersionRequest request;
  request.set_package_id(PackageId(package_name));
  grpc::ClientContext context;
  rpc::SetDeadline(context, absl::Seconds(60));
  const auto stub = packages();
  const auto reader = stub->ImportVersion(&context, request);
  package::v1::ImportVersionResponse response;
  while (reader->Read(&response)) {
  }
  Require(rpc::FromGrpcStatus(reader->Finish()), "ImportVersion");
  return response;
}

std::string Site::Submit(const Order& order) {
  return Require(TrySubmit(order, absl::StrCat(code(), "-submit-", ++request_count_)), "SubmitJob")
      .job_id();
}

absl::StatusOr<job::v1::Job> Site::TrySubmit(const Order& order, const std::string& request_id) {
  job::v1::SubmitJobRequest request;
  request.set_request_id(request_id);
  *request.mutable_spec() = order.spec();
  request.mutable_spec()->set_package_id(PackageId(order.package_name()));
  absl::StatusOr<job::v1::SubmitJobResponse> response = TryCall<job::v1::SubmitJobResponse>(
      [&](auto* context, auto* answer) { return jobs()->SubmitJob(context, request, answer); });
  if (!response.ok()) {
    return response.status();
  }
  return response->job();
}

void Site::Cancel(const std::string& job_id) {
  job::v1::CancelJobRequest request;
  request.set_job_id(job_id);
  MustCall<job::v1::CancelJobResponse>("CancelJob", [&](auto* context, auto* response) {
    return jobs()->CancelJob(context, request, response);
  });
}

job::v1::Job Site::GetJob(const std::string& job_id) {
  job::v1::GetJobRequest request;
  request.set_job_id(job_id);
  return MustCall<job::v1::GetJobResponse>("GetJob",
                                           [&](auto* context, auto* response) {
                                             return jobs()->GetJob(context, request, response);
                                           })
      .job();
}

std::vector<job::v1::JobTarget> Site::ListTargets(const std::string& job_id) {
  job::v1::ListJobTargetsRequest request;
  request.set_job_id(job_id);
  request.set_page_size(10'000);
  const auto response =
      MustCall<job::v1::ListJobTargetsResponse>("ListJobTargets", [&](auto* context, auto* answer) {
        return jobs()->ListJobTargets(context, request, answer);
      });
  return {response.targets().begin(), response.targets().end()};
}

std::vector<package::v1::Location> Site::ListLocations(const std::string& package_name) {
  package::v1::ListLocationsRequest request;
  request.set_package_id(PackageId(package_name));
  const auto response = MustCall<package::v1::ListLocationsResponse>(
      "ListLocations", [&](auto* context, auto* answer) {
        return packages()->ListLocations(context, request, answer);
      });
  return {response.locations().begin(), response.locations().end()};
}

std::vector<sender::v1::SendRequest> Site::ListSendRequests() {
  sender::v1::ListSendRequestsRequest request;
  request.set_include_ended(true);
  request.set_page_size(1000);
  const auto response = MustCall<sender::v1::ListSendRequestsResponse>(
      "ListSendRequests", [&](auto* context, auto* answer) {
        return sends()->ListSendRequests(context, request, answer);
      });
  return {response.send_requests().begin(), response.send_requests().end()};
}

}  // namespace waybill::harness

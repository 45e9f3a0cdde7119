#include "services/scheduler/site_service.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/model/machine_path.h"
#include "common/model/proto_time.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/unary_call.h"
#include "common/status/status_macros.h"
#include "services/scheduler/paging.h"
#include "services/scheduler/registration_rules.h"
#include "services/scheduler/site_store.h"
#include "services/scheduler/workstation_store.h"

namespace waybill::scheduler {
namespace {

using site::v1::Address;
using site::v1::DistributionServer;
using site::v1::Group;
using site::v1::LogonServer;
using site::v1::Site;
using site::v1::SiteNode;
using site::v1::Workstation;

constexpr int kConcurrentSendsDefault = 3;
constexpr int kBatchMax = 1000;
constexpr std::size_t kSmsIdsReturnedMax = 10'000;
constexpr int kPageSizeDefault = 1000;
constexpr int kPageSizeMax = 10'000;

template <typename Elements, typename Add>
void AddAll(Elements elements, Add add) {
  for (auto& element : elements) {
    *add() = std::move(element);
  }
}

SiteNode ToNode(const HierarchyRow& row) {
  SiteNode node;
  *node.mutable_site() = row.site;
  node.set_depth(row.depth);
  node.set_distribution_server_count(row.distribution_server_count);
  node.set_workstation_count(row.workstation_count);
  if (row.last_report_time.has_value()) {
    *node.mutable_last_report_time() = model::ToProto(*row.last_report_time);
  }
  return node;
}

}  // namespace

absl::StatusOr<site::v1::PutSiteResponse> SiteService::HandlePutSite(
    const site::v1::PutSiteRequest& request, const rpc::CallContext& /*call*/) {
  Site site = request.site();
  WAYBILL_RETURN_IF_ERROR(CheckSite(site));
  if (site.parent_site_code().empty() && site.site_code() != deps_.site_code) {
    site.set_parent_site_code(deps_.site_code);  // What is put here is a child of this site.
  }
  WAYBILL_RETURN_IF_ERROR(deps_.sites.PutSite(site));
  deps_.notify(model::kOutboxChannel);
  site::v1::PutSiteResponse response;
  *response.mutable_site() = std::move(site);
  return response;
}

absl::StatusOr<site::v1::GetSiteResponse> SiteService::HandleGetSite(
    const site::v1::GetSiteRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", request.site_code()));
  site::v1::GetSiteResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_site(), deps_.sites.GetSite(request.site_code()));
  return response;
}

absl::StatusOr<site::v1::ListSitesResponse> SiteService::HandleListSites(
    const site::v1::ListSitesRequest& /*request*/, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<Site> sites, deps_.sites.ListSites());
  site::v1::ListSitesResponse response;
  AddAll(std::move(sites), [&response] { return response.add_sites(); });
  return response;
}

absl::StatusOr<site::v1::PutAddressResponse> SiteService::HandlePutAddress(
    const site::v1::PutAddressRequest& request, const rpc::CallContext& /*call*/) {
  Address address = request.address();
  if (address.concurrent_sends_max() == 0) {
    address.set_concurrent_sends_max(kConcurrentSendsDefault);
  }
  WAYBILL_RETURN_IF_ERROR(CheckAddress(address));
  WAYBILL_RETURN_IF_ERROR(deps_.sites.PutAddress(address));
  deps_.notify(model::kSendChannel);
  site::v1::PutAddressResponse response;
  *response.mutable_address() = std::move(address);
  return response;
}

absl::StatusOr<site::v1::GetAddressResponse> SiteService::HandleGetAddress(
    const site::v1::GetAddressRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", request.site_code()));
  site::v1::GetAddressResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_address(),
                           deps_.sites.GetAddress(request.site_code()));
  return response;
}

absl::StatusOr<site::v1::ListAddressesResponse> SiteService::HandleListAddresses(
    const site::v1::ListAddressesRequest& /*request*/, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<Address> addresses, deps_.sites.ListAddresses());
  site::v1::ListAddressesResponse response;
  AddAll(std::move(addresses), [&response] { return response.add_addresses(); });
  return response;
}

absl::StatusOr<site::v1::PutDistributionServerResponse> SiteService::HandlePutDistributionServer(
    const site::v1::PutDistributionServerRequest& request, const rpc::CallContext& /*call*/) {
  DistributionServer server = request.server();
  WAYBILL_RETURN_IF_ERROR(CheckDistributionServer(server));
  const std::vector<UsedDirectory> store = {{"the package store", deps_.store_directory}};
  for (const site::v1::Share& share : server.shares()) {
    WAYBILL_RETURN_IF_ERROR(CheckNoOverlap("server.shares.directory", share.directory(), store));
  }
  WAYBILL_RETURN_IF_ERROR(deps_.sites.PutDistributionServer(server));
  deps_.notify(model::kOutboxChannel);
  deps_.notify(model::kDefinitionChannel);
  server.set_site_code(deps_.site_code);
  site::v1::PutDistributionServerResponse response;
  *response.mutable_server() = std::move(server);
  return response;
}

absl::StatusOr<site::v1::GetDistributionServerResponse> SiteService::HandleGetDistributionServer(
    const site::v1::GetDistributionServerRequest& request, const rpc::CallContext& /*call*/) {
  if (!request.site_code().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", request.site_code()));
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("server_name", request.server_name()));
  site::v1::GetDistributionServerResponse response;
  WAYBILL_ASSIGN_OR_RETURN(
      *response.mutable_server(),
      deps_.sites.GetDistributionServer(request.site_code(), request.server_name()));
  return response;
}

absl::StatusOr<site::v1::ListDistributionServersResponse>
SiteService::HandleListDistributionServers(const site::v1::ListDistributionServersRequest& request,
                                           const rpc::CallContext& /*call*/) {
  if (!request.site_code().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", request.site_code()));
  }
  WAYBILL_ASSIGN_OR_RETURN(std::vector<DistributionServer> servers,
                           deps_.sites.ListDistributionServers(request.site_code()));
  site::v1::ListDistributionServersResponse response;
  AddAll(std::move(servers), [&response] { return response.add_servers(); });
  return response;
}

absl::StatusOr<site::v1::PutLogonServerResponse> SiteService::HandlePutLogonServer(
    const site::v1::PutLogonServerRequest& request, const rpc::CallContext& /*call*/) {
  LogonServer server = request.server();
  WAYBILL_RETURN_IF_ERROR(CheckLogonServer(server));
  WAYBILL_RETURN_IF_ERROR(deps_.sites.PutLogonServer(server));
  deps_.notify(model::kReplicateChannel);
  server.set_site_code(deps_.site_code);
  site::v1::PutLogonServerResponse response;
  *response.mutable_server() = std::move(server);
  return response;
}

absl::StatusOr<site::v1::GetLogonServerResponse> SiteService::HandleGetLogonServer(
    const site::v1::GetLogonServerRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("server_name", request.server_name()));
  site::v1::GetLogonServerResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_server(),
                           deps_.sites.GetLogonServer(request.server_name()));
  return response;
}

absl::StatusOr<site::v1::ListLogonServersResponse> SiteService::HandleListLogonServers(
    const site::v1::ListLogonServersRequest& /*request*/, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<LogonServer> servers, deps_.sites.ListLogonServers());
  site::v1::ListLogonServersResponse response;
  AddAll(std::move(servers), [&response] { return response.add_servers(); });
  return response;
}

absl::StatusOr<site::v1::PutGroupResponse> SiteService::HandlePutGroup(
    const site::v1::PutGroupRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(CheckGroup(request.group()));
  WAYBILL_RETURN_IF_ERROR(deps_.sites.PutGroup(request.group()));
  site::v1::PutGroupResponse response;
  *response.mutable_group() = request.group();
  return response;
}

absl::StatusOr<site::v1::GetGroupResponse> SiteService::HandleGetGroup(
    const site::v1::GetGroupRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("group_name", request.group_name()));
  site::v1::GetGroupResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_group(), deps_.sites.GetGroup(request.group_name()));
  return response;
}

absl::StatusOr<site::v1::ListGroupsResponse> SiteService::HandleListGroups(
    const site::v1::ListGroupsRequest& /*request*/, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<Group> groups, deps_.sites.ListGroups());
  site::v1::ListGroupsResponse response;
  AddAll(std::move(groups), [&response] { return response.add_groups(); });
  return response;
}

absl::StatusOr<site::v1::PutWorkstationsResponse> SiteService::HandlePutWorkstations(
    const rpc::CallContext& /*call*/, rpc::Source<site::v1::PutWorkstationsRequest>& source) {
  site::v1::PutWorkstationsResponse response;
  bool ids_fit = true;
  site::v1::PutWorkstationsRequest request;
  while (true) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, source.Read(request));
    if (!more) {
      return response;
    }
    WAYBILL_ASSIGN_OR_RETURN(PutWorkstationsResult result, PutBatch(request));
    response.set_created_count(response.created_count() + result.created_count);
    response.set_updated_count(response.updated_count() + result.updated_count);
    ids_fit = ids_fit && response.sms_ids_size() + result.sms_ids.size() <= kSmsIdsReturnedMax;
    if (!ids_fit) {
      response.clear_sms_ids();
      continue;
    }
    AddAll(std::move(result.sms_ids), [&response] { return response.add_sms_ids(); });
  }
}

absl::StatusOr<PutWorkstationsResult> SiteService::PutBatch(
    const site::v1::PutWorkstationsRequest& request) {
  if (request.workstations_size() > kBatchMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("workstations: at most ", kBatchMax, " in a message"));
  }
  for (int i = 0; i < request.workstations_size(); ++i) {
    WAYBILL_RETURN_IF_ERROR(CheckWorkstation(deps_.site_code, i, request.workstations(i)));
  }
  const std::vector<Workstation> batch(request.workstations().begin(),
                                       request.workstations().end());
  WAYBILL_ASSIGN_OR_RETURN(PutWorkstationsResult result, deps_.workstations.PutBatch(batch));
  deps_.notify(model::kOutboxChannel);
  return result;
}

absl::StatusOr<site::v1::ListWorkstationsResponse> SiteService::HandleListWorkstations(
    const site::v1::ListWorkstationsRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kPageSizeDefault, kPageSizeMax));
  model::MachinePath path;
  if (!request.machine_path().empty()) {
    WAYBILL_ASSIGN_OR_RETURN(path, model::ParseMachinePath("machine_path", request.machine_path()));
  }
  if (!request.page_token().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("page_token", request.page_token()));
  }
  WAYBILL_ASSIGN_OR_RETURN(Page<Workstation> page,
                           deps_.workstations.List(path, request.page_token(), page_size));
  site::v1::ListWorkstationsResponse response;
  if (page.has_next) {
    response.set_next_page_token(page.elements.back().sms_id());
  }
  AddAll(std::move(page.elements), [&response] { return response.add_workstations(); });
  return response;
}

absl::StatusOr<site::v1::GetHierarchyResponse> SiteService::HandleGetHierarchy(
    const site::v1::GetHierarchyRequest& /*request*/, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<HierarchyRow> rows, deps_.sites.GetHierarchy());
  site::v1::GetHierarchyResponse response;
  for (const HierarchyRow& row : rows) {
    *response.add_sites() = ToNode(row);
  }
  return response;
}

grpc::ServerUnaryReactor* SiteService::PutSite(grpc::CallbackServerContext* context,
                                               const site::v1::PutSiteRequest* request,
                                               site::v1::PutSiteResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandlePutSite, this));
}

grpc::ServerUnaryReactor* SiteService::GetSite(grpc::CallbackServerContext* context,
                                               const site::v1::GetSiteRequest* request,
                                               site::v1::GetSiteResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetSite, this));
}

grpc::ServerUnaryReactor* SiteService::ListSites(grpc::CallbackServerContext* context,
                                                 const site::v1::ListSitesRequest* request,
                                                 site::v1::ListSitesResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListSites, this));
}

grpc::ServerUnaryReactor* SiteService::PutAddress(grpc::CallbackServerContext* context,
                                                  const site::v1::PutAddressRequest* request,
                                                  site::v1::PutAddressResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandlePutAddress, this));
}

grpc::ServerUnaryReactor* SiteService::GetAddress(grpc::CallbackServerContext* context,
                                                  const site::v1::GetAddressRequest* request,
                                                  site::v1::GetAddressResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetAddress, this));
}

grpc::ServerUnaryReactor* SiteService::ListAddresses(grpc::CallbackServerContext* context,
                                                     const site::v1::ListAddressesRequest* request,
                                                     site::v1::ListAddressesResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListAddresses, this));
}

grpc::ServerUnaryReactor* SiteService::PutDistributionServer(
    grpc::CallbackServerContext* context, const site::v1::PutDistributionServerRequest* request,
    site::v1::PutDistributionServerResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandlePutDistributionServer, this));
}

grpc::ServerUnaryReactor* SiteService::GetDistributionServer(
    grpc::CallbackServerContext* context, const site::v1::GetDistributionServerRequest* request,
    site::v1::GetDistributionServerResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetDistributionServer, this));
}

grpc::ServerUnaryReactor* SiteService::ListDistributionServers(
    grpc::CallbackServerContext* context, const site::v1::ListDistributionServersRequest* request,
    site::v1::ListDistributionServersResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListDistributionServers, this));
}

grpc::ServerUnaryReactor* SiteService::PutLogonServer(
    grpc::CallbackServerContext* context, const site::v1::PutLogonServerRequest* request,
    site::v1::PutLogonServerResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandlePutLogonServer, this));
}

grpc::ServerUnaryReactor* SiteService::GetLogonServer(
    grpc::CallbackServerContext* context, const site::v1::GetLogonServerRequest* request,
    site::v1::GetLogonServerResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetLogonServer, this));
}

grpc::ServerUnaryReactor* SiteService::ListLogonServers(
    grpc::CallbackServerContext* context, const site::v1::ListLogonServersRequest* request,
    site::v1::ListLogonServersResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListLogonServers, this));
}

grpc::ServerUnaryReactor* SiteService::PutGroup(grpc::CallbackServerContext* context,
                                                const site::v1::PutGroupRequest* request,
                                                site::v1::PutGroupResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandlePutGroup, this));
}

grpc::ServerUnaryReactor* SiteService::GetGroup(grpc::CallbackServerContext* context,
                                                const site::v1::GetGroupRequest* request,
                                                site::v1::GetGroupResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetGroup, this));
}

grpc::ServerUnaryReactor* SiteService::ListGroups(grpc::CallbackServerContext* context,
                                                  const site::v1::ListGroupsRequest* request,
                                                  site::v1::ListGroupsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListGroups, this));
}

grpc::ServerUnaryReactor* SiteService::ListWorkstations(
    grpc::CallbackServerContext* context, const site::v1::ListWorkstationsRequest* request,
    site::v1::ListWorkstationsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleListWorkstations, this));
}

grpc::ServerUnaryReactor* SiteService::GetHierarchy(grpc::CallbackServerContext* context,
                                                    const site::v1::GetHierarchyRequest* request,
                                                    site::v1::GetHierarchyResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&SiteService::HandleGetHierarchy, this));
}

grpc::ServerReadReactor<site::v1::PutWorkstationsRequest>* SiteService::PutWorkstations(
    grpc::CallbackServerContext* context, site::v1::PutWorkstationsResponse* response) {
  return rpc::HandleClientStream<site::v1::PutWorkstationsRequest>(
      deps_.streams, *context, *response,
      std::bind_front(&SiteService::HandlePutWorkstations, this));
}

}  // namespace waybill::scheduler

#ifndef WAYBILL_SERVICES_SCHEDULER_SITE_SERVICE_H_
#define WAYBILL_SERVICES_SCHEDULER_SITE_SERVICE_H_

#include <functional>
#include <string>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"
#include "services/scheduler/site_store.h"
#include "services/scheduler/workstation_store.h"

#include "waybill/site/v1/site_service.grpc.pb.h"

namespace waybill::scheduler {

/// Serves waybill.site.v1.SiteService.
///
/// The overrides are gRPC's and run on its threads: each only says on which executor its handler
/// runs. The handlers decode, make one call and encode; contracts and errors are in the proto file.
/// They are public so that tests can call them without a server. Everything in Dependencies is
/// borrowed and outlives the server.
class SiteService final : public site::v1::SiteService::CallbackService {
 public:
  struct Dependencies {
    SiteStore& sites;
    WorkstationStore& workstations;
    std::string site_code;
    std::string store_directory;  ///< No share may overlap it.
    std::function<void(absl::string_view channel)> notify;
    Executor& calls;
    Executor& streams;
  };

  explicit SiteService(Dependencies dependencies) : deps_(std::move(dependencies)) {}

  // gRPC's side. ------------------------------------------------------------------------------

  grpc::ServerUnaryReactor* PutSite(grpc::CallbackServerContext* context,
                                    const site::v1::PutSiteRequest* request,
                                    site::v1::PutSiteResponse* response) override;
  grpc::ServerUnaryReactor* GetSite(grpc::CallbackServerContext* context,
                                    const site::v1::GetSiteRequest* request,
                                    site::v1::GetSiteResponse* response) override;
  grpc::ServerUnaryReactor* ListSites(grpc::CallbackServerContext* context,
                                      const site::v1::ListSitesRequest* request,
                                      site::v1::ListSitesResponse* response) override;
  grpc::ServerUnaryReactor* PutAddress(grpc::CallbackServerContext* context,
                                       const site::v1::PutAddressRequest* request,
                                       site::v1::PutAddressResponse* response) override;
  grpc::ServerUnaryReactor* GetAddress(grpc::CallbackServerContext* context,
                                       const site::v1::GetAddressRequest* request,
                                       site::v1::GetAddressResponse* response) override;
  grpc::ServerUnaryReactor* ListAddresses(grpc::CallbackServerContext* context,
                                          const site::v1::ListAddressesRequest* request,
                                          site::v1::ListAddressesResponse* response) override;
  grpc::ServerUnaryReactor* PutDistributionServer(
      grpc::CallbackServerContext* context, const site::v1::PutDistributionServerRequest* request,
      site::v1::PutDistributionServerResponse* response) override;
  grpc::ServerUnaryReactor* GetDistributionServer(
      grpc::CallbackServerContext* context, const site::v1::GetDistributionServerRequest* request,
      site::v1::GetDistributionServerResponse* response) override;
  grpc::ServerUnaryReactor* ListDistributionServers(
      grpc::CallbackServerContext* context, const site::v1::ListDistributionServersRequest* request,
      site::v1::ListDistributionServersResponse* response) override;
  grpc::ServerUnaryReactor* PutLogonServer(grpc::CallbackServerContext* context,
                                           const site::v1::PutLogonServerRequest* request,
                                           site::v1::PutLogonServerResponse* response) override;
  grpc::ServerUnaryReactor* GetLogonServer(grpc::CallbackServerContext* context,
                                           const site::v1::GetLogonServerRequest* request,
                                           site::v1::GetLogonServerResponse* response) override;
  grpc::ServerUnaryReactor* ListLogonServers(grpc::CallbackServerContext* context,
                                             const site::v1::ListLogonServersRequest* request,
                                             site::v1::ListLogonServersResponse* response) override;
  grpc::ServerUnaryReactor* PutGroup(grpc::CallbackServerContext* context,
                                     const site::v1::PutGroupRequest* request,
                                     site::v1::PutGroupResponse* response) override;
  grpc::ServerUnaryReactor* GetGroup(grpc::CallbackServerContext* context,
                                     const site::v1::GetGroupRequest* request,
                                     site::v1::GetGroupResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* context,
                                       const site::v1::ListGroupsRequest* request,
                                       site::v1::ListGroupsResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkstations(grpc::CallbackServerContext* context,
                                             const site::v1::ListWorkstationsRequest* request,
                                             site::v1::ListWorkstationsResponse* response) override;
  grpc::ServerUnaryReactor* GetHierarchy(grpc::CallbackServerContext* context,
                                         const site::v1::GetHierarchyRequest* request,
                                         site::v1::GetHierarchyResponse* response) override;
  grpc::ServerReadReactor<site::v1::PutWorkstationsRequest>* PutWorkstations(
      grpc::CallbackServerContext* context, site::v1::PutWorkstationsResponse* response) override;

  // Handlers. ---------------------------------------------------------------------------------

  absl::StatusOr<site::v1::PutSiteResponse> HandlePutSite(const site::v1::PutSiteRequest& request,
                                                          const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetSiteResponse> HandleGetSite(const site::v1::GetSiteRequest& request,
                                                          const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListSitesResponse> HandleListSites(
      const site::v1::ListSitesRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::PutAddressResponse> HandlePutAddress(
      const site::v1::PutAddressRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetAddressResponse> HandleGetAddress(
      const site::v1::GetAddressRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListAddressesResponse> HandleListAddresses(
      const site::v1::ListAddressesRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::PutDistributionServerResponse> HandlePutDistributionServer(
      const site::v1::PutDistributionServerRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetDistributionServerResponse> HandleGetDistributionServer(
      const site::v1::GetDistributionServerRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListDistributionServersResponse> HandleListDistributionServers(
      const site::v1::ListDistributionServersRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::PutLogonServerResponse> HandlePutLogonServer(
      const site::v1::PutLogonServerRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetLogonServerResponse> HandleGetLogonServer(
      const site::v1::GetLogonServerRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListLogonServersResponse> HandleListLogonServers(
      const site::v1::ListLogonServersRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::PutGroupResponse> HandlePutGroup(
      const site::v1::PutGroupRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetGroupResponse> HandleGetGroup(
      const site::v1::GetGroupRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListGroupsResponse> HandleListGroups(
      const site::v1::ListGroupsRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::ListWorkstationsResponse> HandleListWorkstations(
      const site::v1::ListWorkstationsRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::GetHierarchyResponse> HandleGetHierarchy(
      const site::v1::GetHierarchyRequest& request, const rpc::CallContext& call);
  absl::StatusOr<site::v1::PutWorkstationsResponse> HandlePutWorkstations(
      const rpc::CallContext& call, rpc::Source<site::v1::PutWorkstationsRequest>& source);

 private:
  absl::StatusOr<PutWorkstationsResult> PutBatch(const site::v1::PutWorkstationsRequest& request);

  const Dependencies deps_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_SITE_SERVICE_H_

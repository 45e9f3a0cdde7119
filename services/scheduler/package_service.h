#ifndef WAYBILL_SERVICES_SCHEDULER_PACKAGE_SERVICE_H_
#define WAYBILL_SERVICES_SCHEDULER_PACKAGE_SERVICE_H_

#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/clock/clock.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"
#include "services/scheduler/import_files.h"
#include "services/scheduler/package_store.h"

#include "waybill/package/v1/package_service.grpc.pb.h"

namespace waybill::scheduler {

/// Serves waybill.package.v1.PackageService; made like SiteService. Everything in Dependencies is
/// borrowed and outlives the server.
class PackageService final : public package::v1::PackageService::CallbackService {
 public:
  struct Dependencies {
    PackageStore& packages;
    Importer& importer;
    const clock::Clock& clock;
    std::vector<std::string> source_directories;  ///< Canonical, see CheckAbsolutePath.
    std::string store_directory;                  ///< No source may overlap it.
    Executor& calls;
    Executor& streams;
  };

  explicit PackageService(Dependencies dependencies) : deps_(std::move(dependencies)) {}

  // gRPC's side. ------------------------------------------------------------------------------

  grpc::ServerUnaryReactor* CreatePackage(grpc::CallbackServerContext* context,
                                          const package::v1::CreatePackageRequest* request,
                                          package::v1::CreatePackageResponse* response) override;
  grpc::ServerUnaryReactor* GetPackage(grpc::CallbackServerContext* context,
                                       const package::v1::GetPackageRequest* request,
                                       package::v1::GetPackageResponse* response) override;
  grpc::ServerUnaryReactor* ListPackages(grpc::CallbackServerContext* context,
                                         const package::v1::ListPackagesRequest* request,
                                         package::v1::ListPackagesResponse* response) override;
  grpc::ServerUnaryReactor* ListVersions(grpc::CallbackServerContext* context,
                                         const package::v1::ListVersionsRequest* request,
                                         package::v1::ListVersionsResponse* response) override;
  grpc::ServerUnaryReactor* ListLocations(grpc::CallbackServerContext* context,
                                          const package::v1::ListLocationsRequest* request,
                                          package::v1::ListLocationsResponse* response) override;
  grpc::ServerWriteReactor<package::v1::ImportVersionResponse>* ImportVersion(
      grpc::CallbackServerContext* context,
      const package::v1::ImportVersionRequest* request) override;

  // Handlers. ---------------------------------------------------------------------------------

  absl::StatusOr<package::v1::CreatePackageResponse> HandleCreatePackage(
      const package::v1::CreatePackageRequest& request, const rpc::CallContext& call);
  absl::StatusOr<package::v1::GetPackageResponse> HandleGetPackage(
      const package::v1::GetPackageRequest& request, const rpc::CallContext& call);
  absl::StatusOr<package::v1::ListPackagesResponse> HandleListPackages(
      const package::v1::ListPackagesRequest& request, const rpc::CallContext& call);
  absl::StatusOr<package::v1::ListVersionsResponse> HandleListVersions(
      const package::v1::ListVersionsRequest& request, const rpc::CallContext& call);
  absl::StatusOr<package::v1::ListLocationsResponse> HandleListLocations(
      const package::v1::ListLocationsRequest& request, const rpc::CallContext& call);
  absl::Status HandleImportVersion(const package::v1::ImportVersionRequest& request,
                                   const rpc::CallContext& call,
                                   rpc::Sink<package::v1::ImportVersionResponse>& sink);

 private:
  const Dependencies deps_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_PACKAGE_SERVICE_H_

#include "services/scheduler/package_service.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "common/model/ids.h"
#include "common/model/order_rules.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/unary_call.h"
#include "common/status/status_macros.h"
#include "services/scheduler/import_files.h"
#include "services/scheduler/package_store.h"
#include "services/scheduler/paging.h"
#include "services/scheduler/registration_rules.h"

namespace waybill::scheduler {
namespace {

constexpr absl::Duration kProgressInterval = absl::Milliseconds(500);
constexpr int kPageDefault = 100;
constexpr int kPageMax = 1000;
constexpr int kLocationsPageDefault = 1000;
constexpr int kLocationsPageMax = 10'000;

absl::Status NoPageToken() {
  return absl::InvalidArgumentError("page_token: is not one that an answer gave");
}

// "<microseconds>.<version>" of the last row of a page.
std::string PageToken(const package::v1::PackageVersion& last) {
  const std::int64_t microseconds =
      last.create_time().seconds() * 1'000'000 + last.create_time().nanos() / 1000;
  return absl::StrCat(microseconds, ".", last.version());
}

absl::StatusOr<VersionCursor> VersionCursorOf(const std::string& page_token) {
  if (page_token.empty()) {
    return VersionCursor();
  }
  const std::vector<std::string> parts = absl::StrSplit(page_token, '.');
  std::int64_t microseconds = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &microseconds) ||
      !model::CheckVersion("page_token", parts[1]).ok()) {
    return NoPageToken();
  }
  return VersionCursor{absl::FromUnixMicros(microseconds), parts[1]};
}

// "<site>|<kind>|<server>|<version>" of the last row of a page.
std::string PageToken(const package::v1::Location& last) {
  return absl::StrCat(last.site_code(), "|", static_cast<int>(last.kind()), "|", last.server_name(),
                      "|", last.version());
}

absl::StatusOr<package::v1::Location> LocationCursorOf(const std::string& page_token) {
  package::v1::Location cursor;
  if (page_token.empty()) {
    return cursor;
  }
  const std::vector<std::string> parts = absl::StrSplit(page_token, '|');
  int kind = 0;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[1], &kind) ||
      !model::CheckSiteCode("page_token", parts[0]).ok() ||
      !(parts[2].empty() || model::CheckHostName("page_token", parts[2]).ok()) ||
      !model::CheckVersion("page_token", parts[3]).ok()) {
    return NoPageToken();
  }
  cursor.set_site_code(parts[0]);
  cursor.set_kind(static_cast<package::v1::LocationKind>(kind));
  cursor.set_server_name(parts[2]);
  cursor.set_version(parts[3]);
  return cursor;
}

package::v1::ImportVersionResponse ToResponse(const ImportState& state) {
  package::v1::ImportVersionResponse response;
  response.mutable_progress()->set_files_done(state.files_done);
  response.mutable_progress()->set_files_total(state.files_total);
  response.mutable_progress()->set_bytes_done(state.bytes_done);
  response.mutable_progress()->set_bytes_total(state.bytes_total);
  return response;
}

package::v1::ImportVersionResponse ToResponse(ImportOutcome outcome) {
  package::v1::ImportVersionResponse response;
  *response.mutable_version() = std::move(outcome.version);
  response.set_unchanged(outcome.unchanged);
  response.set_new_stored_bytes(outcome.new_stored_bytes);
  return response;
}

}  // namespace

absl::StatusOr<package::v1::CreatePackageResponse> PackageService::HandleCreatePackage(
    const package::v1::CreatePackageRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckRequestId("request_id", request.request_id()));
  package::v1::Package package;
  package.set_name(request.name());
  package.set_comment(request.comment());
  package.set_source_directory(request.source_directory());
  *package.mutable_commands() = request.commands();
  SetDefaults(package);
  WAYBILL_RETURN_IF_ERROR(CheckPackage(package));
  WAYBILL_RETURN_IF_ERROR(
      FindSourceRoot(deps_.source_directories, package.source_directory()).status());
  WAYBILL_RETURN_IF_ERROR(CheckNoOverlap("source_directory", package.source_directory(),
                                         {{"the package store", deps_.store_directory}}));
  package::v1::CreatePackageResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_package(),
                           deps_.packages.Create(request.request_id(), package));
  return response;
}

absl::StatusOr<package::v1::GetPackageResponse> PackageService::HandleGetPackage(
    const package::v1::GetPackageRequest& request, const rpc::CallContext& /*call*/) {
  package::v1::GetPackageResponse response;
  if (request.package_id().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckDisplayName("name", request.name()));
    WAYBILL_ASSIGN_OR_RETURN(*response.mutable_package(), deps_.packages.GetByName(request.name()));
    return response;
  }
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("package_id", request.package_id()));
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_package(),
                           deps_.packages.GetById(request.package_id()));
  return response;
}

absl::StatusOr<package::v1::ListPackagesResponse> PackageService::HandleListPackages(
    const package::v1::ListPackagesRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kPageDefault, kPageMax));
  if (!request.page_token().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("page_token", request.page_token()));
  }
  WAYBILL_ASSIGN_OR_RETURN(Page<package::v1::Package> page,
                           deps_.packages.List(request.page_token(), page_size));
  package::v1::ListPackagesResponse response;
  if (page.has_next) {
    response.set_next_page_token(page.elements.back().package_id());
  }
  for (package::v1::Package& package : page.elements) {
    *response.add_packages() = std::move(package);
  }
  return response;
}

absl::Status PackageService::HandleImportVersion(
    const package::v1::ImportVersionRequest& request, const rpc::CallContext& call,
    rpc::Sink<package::v1::ImportVersionResponse>& sink) {
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("package_id", request.package_id()));
  std::atomic<bool> caller_left = false;
  absl::Duration next = deps_.clock.Monotonic();
  const auto progress = [&](const ImportState& state) {
    const absl::Duration now = deps_.clock.Monotonic();
    if (now >= next) {
      next = now + kProgressInterval;
      caller_left = caller_left || !sink.Write(ToResponse(state));
    }
  };
  const auto cancelled = [&] { return caller_left || call.IsCancelled(); };
  WAYBILL_ASSIGN_OR_RETURN(
      ImportOutcome outcome,
      deps_.importer.Import(request.package_id(), request.skip_unsafe(), progress, cancelled));
  sink.Write(
      ToResponse(std::move(outcome)));  // The version stands, whether or not anyone reads it.
  return absl::OkStatus();
}

absl::StatusOr<package::v1::ListVersionsResponse> PackageService::HandleListVersions(
    const package::v1::ListVersionsRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("package_id", request.package_id()));
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kPageDefault, kPageMax));
  WAYBILL_ASSIGN_OR_RETURN(const VersionCursor after, VersionCursorOf(request.page_token()));
  WAYBILL_ASSIGN_OR_RETURN(Page<package::v1::PackageVersion> page,
                           deps_.packages.ListVersions(request.package_id(), after, page_size));
  package::v1::ListVersionsResponse response;
  if (page.has_next) {
    response.set_next_page_token(PageToken(page.elements.back()));
  }
  for (package::v1::PackageVersion& version : page.elements) {
    *response.add_versions() = std::move(version);
  }
  return response;
}

absl::StatusOr<package::v1::ListLocationsResponse> PackageService::HandleListLocations(
    const package::v1::ListLocationsRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckPackageId("package_id", request.package_id()));
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kLocationsPageDefault, kLocationsPageMax));
  WAYBILL_ASSIGN_OR_RETURN(const package::v1::Location after,
                           LocationCursorOf(request.page_token()));
  WAYBILL_ASSIGN_OR_RETURN(Page<package::v1::Location> page,
                           deps_.packages.ListLocations(request.package_id(), after, page_size));
  package::v1::ListLocationsResponse response;
  if (page.has_next) {
    response.set_next_page_token(PageToken(page.elements.back()));
  }
  for (package::v1::Location& location : page.elements) {
    *response.add_locations() = std::move(location);
  }
  return response;
}

grpc::ServerUnaryReactor* PackageService::CreatePackage(
    grpc::CallbackServerContext* context, const package::v1::CreatePackageRequest* request,
    package::v1::CreatePackageResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&PackageService::HandleCreatePackage, this));
}

grpc::ServerUnaryReactor* PackageService::GetPackage(grpc::CallbackServerContext* context,
                                                     const package::v1::GetPackageRequest* request,
                                                     package::v1::GetPackageResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&PackageService::HandleGetPackage, this));
}

grpc::ServerUnaryReactor* PackageService::ListPackages(
    grpc::CallbackServerContext* context, const package::v1::ListPackagesRequest* request,
    package::v1::ListPackagesResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&PackageService::HandleListPackages, this));
}

grpc::ServerUnaryReactor* PackageService::ListVersions(
    grpc::CallbackServerContext* context, const package::v1::ListVersionsRequest* request,
    package::v1::ListVersionsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&PackageService::HandleListVersions, this));
}

grpc::ServerUnaryReactor* PackageService::ListLocations(
    grpc::CallbackServerContext* context, const package::v1::ListLocationsRequest* request,
    package::v1::ListLocationsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&PackageService::HandleListLocations, this));
}

grpc::ServerWriteReactor<package::v1::ImportVersionResponse>* PackageService::ImportVersion(
    grpc::CallbackServerContext* context, const package::v1::ImportVersionRequest* request) {
  return rpc::HandleServerStream<package::v1::ImportVersionResponse>(
      deps_.streams, *context, *request,
      std::bind_front(&PackageService::HandleImportVersion, this));
}

}  // namespace waybill::scheduler

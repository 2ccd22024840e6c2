# Finds METIS (Debian: libmetis-dev), which brings neither a CMake configuration nor a pkg-config file.
# Defines METIS::METIS.
include(FindPackageHandleStandardArgs)

find_path(METIS_INCLUDE_DIR metis.h)
find_library(METIS_LIBRARY metis)
if(METIS_INCLUDE_DIR)
  file(READ "${METIS_INCLUDE_DIR}/metis.h" METIS_HEADER)
  foreach(part MAJOR MINOR SUBMINOR)
    string(REGEX MATCH "METIS_VER_${part}[ \t]+([0-9]+)" unused "${METIS_HEADER}")
    set(METIS_VERSION_${part} "${CMAKE_MATCH_1}")
  endforeach()
  set(METIS_VERSION "${METIS_VERSION_MAJOR}.${METIS_VERSION_MINOR}.${METIS_VERSION_SUBMINOR}")
  unset(METIS_HEADER)
endif()
find_package_handle_standard_args(METIS REQUIRED_VARS METIS_LIBRARY METIS_INCLUDE_DIR VERSION_VAR METIS_VERSION)
mark_as_advanced(METIS_INCLUDE_DIR METIS_LIBRARY)

if(METIS_FOUND AND NOT TARGET METIS::METIS)
  add_library(METIS::METIS UNKNOWN IMPORTED)
  set_target_properties(METIS::METIS PROPERTIES
    IMPORTED_LOCATION "${METIS_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${METIS_INCLUDE_DIR}")
endif()

# Installs a build into an empty prefix and lets a project of somebody else find, link and run it.
#   cmake -DBUILD=… -DSOURCE=… -DSCRATCH=… -DMPIEXEC=… -P run.cmake

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix "${SCRATCH}/prefix")
file(REMOVE_RECURSE "${SCRATCH}")
run(${CMAKE_COMMAND} --install "${BUILD}" --prefix "${prefix}")

# The configuration that is handed out must work on a machine that has neither our sources nor our build.
file(GLOB_RECURSE exported "${prefix}/*.cmake")
foreach(file IN LISTS exported)
  file(READ "${file}" text)
  foreach(path IN ITEMS "${SOURCE}" "${BUILD}")
    string(FIND "${text}" "${path}" position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()

run(${CMAKE_COMMAND} -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}" -B "${SCRATCH}/build"
  "-DCMAKE_PREFIX_PATH=${prefix}" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers -Werror")
run(${CMAKE_COMMAND} --build "${SCRATCH}/build")
run(${MPIEXEC} -n 2 "${SCRATCH}/build/consumer")
run("${prefix}/bin/dec" --version)

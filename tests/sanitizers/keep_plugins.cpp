/// \file keep_plugins.cpp
/// Part of every executable that is built with sanitizers: plugins of OpenMPI stay loaded until the end, because the leak
/// checker cannot name what an unloaded library has left behind, and so cannot tell it from a leak of ours.
extern "C" int dlclose(void* /*library*/) { return 0; }

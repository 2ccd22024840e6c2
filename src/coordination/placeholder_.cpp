// coordination
